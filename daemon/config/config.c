/* SPDX-License-Identifier: MIT */
/* The model is in config.h. */
#include "config/config.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "common/parse.h"
#include "config/ini.h"

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

void config_init(struct config *config)
{
	*config = (struct config){.quota = default_quota};
}

/* A reader of a file: what is wrong is reported with the file's name. */
struct reading {
	const char *path, *channel;
	config_wrong wrong;
	void *into;
};

static void wrong_line(void *arg, unsigned line, const char *why)
{
	const struct reading *reading = arg;

	if (reading->wrong)
		reading->wrong(reading->path, line, reading->channel, why);
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
	const struct ini to = {.key = conf_key, .wrong = wrong_line, .arg = &reading};

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
	const struct ini to = {.key = conf_key, .wrong = wrong_line, .arg = &reading};

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

/* ---- channels.d ---- */

static int channel_key(
	void *arg, const char *section, const char *key, const char *value, char *why, size_t size)
{
	struct spec *spec = ((struct reading *)arg)->into;

	if (!*section) {
		snprintf(why, size, "before the line [channel]");
		return -EINVAL;
	}
	if (strcmp(section, "channel") != 0) {
		snprintf(why, size, "no section [%.64s]; there is [channel]", section);
		return -EINVAL;
	}
	return spec_key(spec, key, value, true, why, size);
}

int spec_read_saved(struct spec *spec, int fd)
{
	struct reading reading = {.into = spec};
	const struct ini to = {.key = channel_key, .wrong = wrong_line, .arg = &reading};
	char why[256];

	if (ini_read_fd(fd, &to) < 1)
		return -EINVAL;
	return spec_check(spec, why, sizeof(why));
}

/* The paths of DIR/`sub`/X.conf, sorted by X; if several DIR have an X, that of the first
 * one. */
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

/* Is the name among the first n, which are of other directories?  In one directory, no name
 * comes twice. */
static bool files_have(const struct files *files, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
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

/* Find them; *incomplete is set if a directory can't be read. */
static int files_find(struct files *ret, const char *const *dirs, const char *sub, bool *incomplete,
	config_wrong wrong)
{
	char path[PATH_MAX];
	int err = 0;

	*ret = (struct files){0};
	for (; *dirs && err == 0; dirs++) {
		size_t before = ret->n;
		struct dirent *entry;
		DIR *dir;

		if (snprintf(path, sizeof(path), "%s/%s", *dirs, sub) >= (int)sizeof(path))
			continue;
		dir = opendir(path);
		if (!dir) {
			if (errno != ENOENT && errno != ENOTDIR) {
				*incomplete = true;
				wrong(path, 0, NULL, strerror(errno));
			}
			continue;
		}
		while (err == 0 && (entry = readdir(dir)))
			if (is_conf(entry->d_name) && !files_have(ret, before, entry->d_name))
				err = files_add(ret, path, entry->d_name);
		closedir(dir);
	}
	if (ret->n)
		qsort(ret->at, ret->n, sizeof(*ret->at), by_name);
	if (err < 0)
		files_done(ret);
	return err;
}

/* Read one file of a channel.  Returns whether it is good. */
static bool read_file(struct reading *reading, const char *path)
{
	const struct ini to = {.key = channel_key, .wrong = wrong_line, .arg = reading};
	int sections;

	reading->path = path;
	sections = ini_read(path, &to);
	if (sections == -ENOENT || sections == -ENOTDIR)
		wrong_line(reading, 0, "it was there a moment ago");
	else if (sections == 0)
		wrong_line(reading, 0,
			"there is no [channel] in it; that line alone declares a channel with all "
			"defaults");
	return sections > 0;
}

/* Read one channel: its file, then its drop-ins. */
static int declare(struct declaration *d, const struct found *file, const char *const *dirs,
	uid_t owner, config_wrong wrong)
{
	char name[NAME_MAX + 1], sub[NAME_MAX + sizeof("channels.d/.d")], why[512];
	struct reading reading = {.channel = name, .wrong = wrong, .into = &d->spec};
	struct files more;
	bool good = true;
	int err;

	snprintf(name, sizeof(name), "%.*s", (int)(strlen(file->name) - strlen(".conf")),
		file->name);
	spec_init(&d->spec, name, owner);
	d->file = strdup(file->path);
	if (!d->file)
		return -ENOMEM;
	snprintf(sub, sizeof(sub), "channels.d/%s.d", file->name);
	d->bad = false;
	err = files_find(&more, dirs, sub, &d->bad, wrong);
	if (err < 0) {
		free(d->file);
		return err;
	}
	if (!name_valid(name)) {
		wrong(file->path, 0, NULL,
			"the file's name, without .conf, is no channel's name: 1 to 200 of "
			"A-Z a-z 0-9 . _ - without a dot in front");
		d->spec.name[0] = 0;
		good = false;
	} else {
		good = read_file(&reading, file->path);
		for (size_t i = 0; i < more.n; i++)
			good &= read_file(&reading, more.at[i].path);
	}
	if (good && spec_check(&d->spec, why, sizeof(why)) < 0) {
		wrong(file->path, 0, name, why);
		good = false;
	}
	d->bad |= !good;
	files_done(&more);
	return 0;
}

static int by_spec_name(const void *a, const void *b)
{
	return strcmp(((const struct declaration *)a)->spec.name,
		((const struct declaration *)b)->spec.name);
}

int declarations_read(
	struct declarations *ret, const char *const *dirs, uid_t owner, config_wrong wrong)
{
	struct declarations made = {0};
	struct files files;
	int err = files_find(&files, dirs, "channels.d", &made.incomplete, wrong);

	if (err < 0)
		return err;
	made.at = calloc(files.n ? files.n : 1, sizeof(*made.at));
	if (!made.at)
		err = -ENOMEM;
	for (size_t i = 0; i < files.n && err == 0; i++) {
		err = declare(&made.at[made.n], &files.at[i], dirs, owner, wrong);
		if (err == 0)
			made.n++;
	}
	files_done(&files);
	if (err < 0) {
		declarations_done(&made);
		return err;
	}
	qsort(made.at, made.n, sizeof(*made.at), by_spec_name);
	*ret = made;
	return 0;
}

const struct declaration *declarations_find(const struct declarations *all, const char *name)
{
	struct declaration key;

	snprintf(key.spec.name, sizeof(key.spec.name), "%s", name);
	return all->n ? bsearch(&key, all->at, all->n, sizeof(key), by_spec_name) : NULL;
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && !strcasecmp(name + n - m, end);
}

static void unused_in(const char *path, config_wrong note)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char file[PATH_MAX + NAME_MAX + 2];

	while (dir && (entry = readdir(dir))) {
		const char *name = entry->d_name;

		snprintf(file, sizeof(file), "%s/%s", path, name);
		if (name[0] == '.' || is_conf(name) || ends_with(name, ".conf.d"))
			continue;
		note(file, 0, NULL, "not used: its name does not end in .conf");
	}
	if (dir)
		closedir(dir);
}

void config_unused(const char *const *dirs, config_wrong note)
{
	char path[PATH_MAX];

	for (; *dirs; dirs++) {
		snprintf(path, sizeof(path), "%s/channels.d", *dirs);
		unused_in(path, note);
	}
}

void declarations_done(struct declarations *declarations)
{
	for (size_t i = 0; i < declarations->n; i++) {
		free(declarations->at[i].file);
		free(declarations->at[i].why);
	}
	free(declarations->at);
	*declarations = (struct declarations){0};
}
