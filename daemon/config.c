/* SPDX-License-Identifier: MIT */
/* The model is in config.h. */
#define _GNU_SOURCE 1
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "common/cli.h"
#include "ini.h"
#include "log.h"

/* ---- chand.conf ---- */

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

int config_read(struct config *config, const char *const *dirs)
{
	struct config read = {.quota = default_quota};
	char path[PATH_MAX], why[512];
	const struct group *group = getgrnam("chand");

	if (group) {
		read.create.at[0] = (struct who){.group = true, .id = group->gr_gid};
		read.create.n = 1;
	}
	for (; *dirs; dirs++) {
		int err;

		snprintf(path, sizeof(path), "%s/chand.conf", *dirs);
		err = ini_read(path, config_key, &read, why, sizeof(why));
		if (err == -ENOENT || err == -ENOTDIR)
			continue;
		if (err < 0) {
			log_line(LOG_ERR, "config", NULL, 0, "%s: %s; refused as a whole", path,
				why);
			config_done(&read);
			return -EINVAL;
		}
		break;
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

/* ---- channels.d ---- */

int config_spec_key(
	void *spec, const char *section, const char *key, const char *value, char *why, size_t size)
{
	if (strcmp(section, "channel") != 0) {
		snprintf(why, size, "no section [%.64s]; there is [channel]", section);
		return -EINVAL;
	}
	return spec_key(spec, key, value, true, why, size);
}

/* The paths of DIR/`sub`/X.conf, X sorted; of one X, that of the first DIR. */
struct files {
	struct found {
		char *name; /* X.conf */
		char *path;
	} * at;
	size_t n;
};

static void files_done(struct files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		free(files->at[i].name);
		free(files->at[i].path);
	}
	free(files->at);
	*files = (struct files){0};
}

static bool files_have(const struct files *files, const char *name)
{
	for (size_t i = 0; i < files->n; i++)
		if (!strcmp(files->at[i].name, name))
			return true;
	return false;
}

static int files_add(struct files *files, const char *dir, const char *name)
{
	struct found *grown = reallocarray(files->at, files->n + 1, sizeof(*grown));
	struct found *to;

	if (!grown)
		return -ENOMEM;
	files->at = grown;
	to = &grown[files->n];
	to->name = strdup(name);
	if (!to->name || asprintf(&to->path, "%s/%s", dir, name) < 0) {
		free(to->name);
		return -ENOMEM;
	}
	files->n++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->name, ((const struct found *)b)->name);
}

static bool is_conf(const char *name)
{
	size_t len = strlen(name);

	return len > strlen(".conf") && name[0] != '.' &&
	       !strcmp(name + len - strlen(".conf"), ".conf");
}

static int files_find(struct files *ret, const char *const *dirs, const char *sub)
{
	char path[PATH_MAX];
	int err = 0;

	*ret = (struct files){0};
	for (; *dirs && err == 0; dirs++) {
		struct dirent *entry;
		DIR *dir;

		if (snprintf(path, sizeof(path), "%s/%s", *dirs, sub) >= (int)sizeof(path))
			continue;
		dir = opendir(path);
		if (!dir) {
			if (errno != ENOENT && errno != ENOTDIR)
				log_line(LOG_ERR, "config", NULL, 0, "%s: %s", path,
					strerror(errno));
			continue;
		}
		while (err == 0 && (entry = readdir(dir)))
			if (is_conf(entry->d_name) && !files_have(ret, entry->d_name))
				err = files_add(ret, path, entry->d_name);
		closedir(dir);
	}
	if (ret->n)
		qsort(ret->at, ret->n, sizeof(*ret->at), by_name);
	if (err < 0)
		files_done(ret);
	return err;
}

/* One channel: its file, then its drop-ins. */
static int declare(
	struct declaration *d, const struct found *file, const char *const *dirs, uid_t owner)
{
	char name[NAME_MAX + 1], sub[NAME_MAX + sizeof("channels.d/.d")], why[512];
	struct files more;
	const char *path = file->path;
	int err;

	snprintf(name, sizeof(name), "%.*s", (int)(strlen(file->name) - strlen(".conf")),
		file->name);
	spec_init(&d->spec, name, owner);
	d->file = strdup(file->path);
	if (!d->file)
		return -ENOMEM;
	snprintf(sub, sizeof(sub), "channels.d/%s.d", file->name);
	err = files_find(&more, dirs, sub);
	if (err < 0) {
		free(d->file);
		return err;
	}
	if (!name_valid(name)) {
		snprintf(why, sizeof(why), "the file's name, without .conf, is no channel's name");
		err = -EINVAL;
	} else {
		err = ini_read(path, config_spec_key, &d->spec, why, sizeof(why));
	}
	for (size_t i = 0; i < more.n && err == 0; i++) {
		path = more.at[i].path;
		err = ini_read(path, config_spec_key, &d->spec, why, sizeof(why));
	}
	if (err == 0) {
		path = file->path;
		err = spec_check(&d->spec, why, sizeof(why));
	}
	d->bad = err < 0;
	if (d->bad)
		log_line(LOG_ERR, "config", name_valid(name) ? name : NULL, 0,
			"%s: %s; refused as a whole", path, why);
	files_done(&more);
	return 0;
}

int declarations_read(struct declarations *ret, const char *const *dirs, uid_t owner)
{
	struct declarations made = {0};
	struct files files;
	int err = files_find(&files, dirs, "channels.d");

	if (err < 0)
		return err;
	made.at = calloc(files.n ? files.n : 1, sizeof(*made.at));
	if (!made.at)
		err = -ENOMEM;
	for (size_t i = 0; i < files.n && err == 0; i++) {
		err = declare(&made.at[made.n], &files.at[i], dirs, owner);
		if (err == 0)
			made.n++;
	}
	files_done(&files);
	if (err < 0) {
		declarations_done(&made);
		return err;
	}
	*ret = made;
	return 0;
}

void declarations_done(struct declarations *declarations)
{
	for (size_t i = 0; i < declarations->n; i++)
		free(declarations->at[i].file);
	free(declarations->at);
	*declarations = (struct declarations){0};
}
