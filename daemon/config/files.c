/* SPDX-License-Identifier: MIT */
#include "config/files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void files_done(struct files *files)
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
	struct file *grown = reallocarray(files->at, files->n + 1, sizeof(*grown));
	struct file *to;

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
	return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static bool is_conf(const char *name)
{
	size_t len = strlen(name);

	return len > strlen(".conf") && name[0] != '.' &&
	       !strcmp(name + len - strlen(".conf"), ".conf");
}

/* Find them; *incomplete is set if a directory can't be read. */
int files_find(struct files *ret, const char *const *dirs, const char *sub, bool *incomplete,
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

void files_unused(const char *const *dirs, const char *sub, config_wrong note)
{
	char path[PATH_MAX];

	for (; *dirs; dirs++)
		if (snprintf(path, sizeof(path), "%s/%s", *dirs, sub) < (int)sizeof(path))
			unused_in(path, note);
}
