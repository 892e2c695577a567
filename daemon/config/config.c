/* SPDX-License-Identifier: MIT */
/* The model is in config.h. */
#include "config/config.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/parse.h"
#include "config/ini.h"
#include "config/reading.h"

static const struct quota default_quota = {
	.channels = 64,
	.bytes = UINT64_C(256) << 20,
	.connections = 64,
};

static int quota_key(
	struct quota *quota, const char *key, const char *value, char *why, size_t size)
{
	int err;

	if (!strcmp(key, "channels"))
		err = cli_parse_count(value, &quota->channels);
	else if (!strcmp(key, "connections"))
		err = cli_parse_count(value, &quota->connections);
	else if (!strcmp(key, "bytes"))
		err = cli_parse_size(value, &quota->bytes);
	else {
		snprintf(why, size, "no key '%.64s' here; there are channels, bytes, connections",
			key);
		return -EINVAL;
	}
	if (err)
		snprintf(why, size, "%s: '%.64s' is not a number%s", key, value,
			!strcmp(key, "bytes") ? " of bytes, as 64M" : "");
	return err ? -EINVAL : 0;
}

static struct quota *user_quota(struct config *config, uid_t uid)
{
	struct user_quota *grown;

	for (size_t i = 0; i < config->n; i++)
		if (config->users[i].uid == uid)
			return &config->users[i].quota;
	grown = reallocarray(config->users, config->n + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	config->users = grown;
	grown[config->n] = (struct user_quota){uid, config->quota};
	return &grown[config->n++].quota;
}

static int backend_key(struct config *config, const char *value, char *why, size_t size)
{
	if (!strcmp(value, "auto"))
		config->backend = LOOP_AUTO;
	else if (!strcmp(value, "io_uring"))
		config->backend = LOOP_URING;
	else if (!strcmp(value, "epoll"))
		config->backend = LOOP_EPOLL;
	else {
		snprintf(why, size, "loop: '%.64s' is not auto, io_uring or epoll", value);
		return -EINVAL;
	}
	return 0;
}

static int config_key(
	void *arg, const char *section, const char *key, const char *value, char *why, size_t size)
{
	struct config *config = arg;
	struct who_list user;
	struct quota *quota;
	int err;

	if (!strcmp(section, "chand") && !strcmp(key, "loop"))
		return backend_key(config, value, why, size);
	if (!strcmp(section, "chand") && !strcmp(key, "create"))
		return who_parse(&config->create, value, true, why, size);
	if (!strcmp(section, "chand")) {
		snprintf(why, size, "no key '%.64s' in [chand]; there are loop, create", key);
		return -EINVAL;
	}
	if (!strcmp(section, "quota"))
		return quota_key(&config->quota, key, value, why, size);
	if (strncmp(section, "quota ", 6) != 0) {
		snprintf(why, size, "no section [%.64s]; there are [chand], [quota], [quota USER]",
			section);
		return -EINVAL;
	}
	err = who_parse(&user, section + 6, true, why, size);
	if (err < 0)
		return err;
	if (user.n != 1 || user.at[0].group) {
		snprintf(why, size, "[%.64s] is not [quota USER]", section);
		return -EINVAL;
	}
	quota = user_quota(config, user.at[0].id);
	return quota ? quota_key(quota, key, value, why, size) : -ENOMEM;
}

void config_done(struct config *config)
{
	free(config->users);
	config->users = NULL;
	config->n = 0;
}

void config_init(struct config *config)
{
	*config = (struct config){.quota = default_quota};
}

static int conf_key(
	void *arg, const char *section, const char *key, const char *value, char *why, size_t size)
{
	return config_key(((struct reading *)arg)->into, section, key, value, why, size);
}

int config_read(struct config *config, const char *const *dirs, config_wrong wrong)
{
	struct config read = {.quota = default_quota};
	char path[PATH_MAX];
	const struct group *group = getgrnam("chand");
	struct reading reading = {.path = path, .wrong = wrong, .into = &read};
	const struct ini to = {.key = conf_key, .wrong = reading_wrong, .arg = &reading};

	if (group) {
		read.create.at[0] = (struct who){.group = true, .id = group->gr_gid};
		read.create.n = 1;
	}
	for (; *dirs; dirs++) {
		int err;

		snprintf(path, sizeof(path), "%s/chand.conf", *dirs);
		err = ini_read(path, &to);
		if (err == -ENOENT || err == -ENOTDIR)
			continue;
		if (err < 0) {
			config_done(&read);
			return -EINVAL;
		}
		break;
	}
	config_done(config);
	*config = read;
	return 0;
}

static void write_quota(const struct quota *quota, FILE *out)
{
	fprintf(out, "channels=%" PRIu64 "\nbytes=%" PRIu64 "\nconnections=%" PRIu64 "\n",
		quota->channels, quota->bytes, quota->connections);
}

void config_write(const struct config *config, FILE *out)
{
	static const char *const loops[] = {
		[LOOP_AUTO] = "auto", [LOOP_URING] = "io_uring", [LOOP_EPOLL] = "epoll"};
	char who[WHO_TEXT];

	fprintf(out, "[chand]\nloop=%s\ncreate=%s\n[quota]\n", loops[config->backend],
		who_text(who, &config->create));
	write_quota(&config->quota, out);
	for (size_t i = 0; i < config->n; i++) {
		fprintf(out, "[quota %u]\n", (unsigned)config->users[i].uid);
		write_quota(&config->users[i].quota, out);
	}
}

int config_read_saved(struct config *config, int fd)
{
	struct config read = {.quota = default_quota};
	struct reading reading = {.into = &read};
	const struct ini to = {.key = conf_key, .wrong = reading_wrong, .arg = &reading};

	if (ini_read_fd(fd, &to) < 0) {
		config_done(&read);
		return -EINVAL;
	}
	config_done(config);
	*config = read;
	return 0;
}

const struct quota *config_quota(const struct config *config, uid_t uid)
{
	for (size_t i = 0; i < config->n; i++)
		if (config->users[i].uid == uid)
			return &config->users[i].quota;
	return &config->quota;
}
