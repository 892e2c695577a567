/* SPDX-License-Identifier: MIT */
/* The model is in declarations.h. */
#include "config/declarations.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "config/files.h"
#include "config/ini.h"
#include "config/reading.h"

#define FOLDER "channels.d"

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

/* Read one file of a channel.  Returns whether it is good. */
static bool read_file(struct reading *reading, const char *path)
{
	const struct ini to = {.key = channel_key, .wrong = reading_wrong, .arg = reading};
	int sections;

	reading->path = path;
	sections = ini_read(path, &to);
	if (sections == -ENOENT || sections == -ENOTDIR)
		reading_wrong(reading, 0, "it was there a moment ago");
	else if (sections == 0)
		reading_wrong(reading, 0,
			"there is no [channel] in it; that line alone declares a channel with all "
			"defaults");
	return sections > 0;
}

/* Read one channel: its file, then its drop-ins. */
static int declare(struct declaration *d, const struct file *file, const char *const *dirs,
	uid_t owner, config_wrong wrong)
{
	char name[NAME_MAX + 1], sub[NAME_MAX + sizeof(FOLDER "/.d")], why[512];
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
	snprintf(sub, sizeof(sub), FOLDER "/%s.d", file->name);
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
	int err = files_find(&files, dirs, FOLDER, &made.incomplete, wrong);

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

void declarations_done(struct declarations *declarations)
{
	for (size_t i = 0; i < declarations->n; i++) {
		free(declarations->at[i].file);
		free(declarations->at[i].why);
	}
	free(declarations->at);
	*declarations = (struct declarations){0};
}

void declarations_unused(const char *const *dirs, config_wrong note)
{
	files_unused(dirs, FOLDER, note);
}

int spec_read_saved(struct spec *spec, int fd)
{
	struct reading reading = {.into = spec};
	const struct ini to = {.key = channel_key, .wrong = reading_wrong, .arg = &reading};
	char why[256];

	if (ini_read_fd(fd, &to) < 1)
		return -EINVAL;
	return spec_check(spec, why, sizeof(why));
}
