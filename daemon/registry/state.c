/* SPDX-License-Identifier: MIT */
/* The model is in state.h. */
#include "registry/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/declarations.h"
#include "log.h"
#include "settings.h"

#define CONFIG "chand.conf"

static void path_of(char ret[PATH_MAX], const char *kind, const char *name)
{
	snprintf(ret, PATH_MAX, "%s/%s/%s.conf", settings->runtime, kind, name);
}

/* ---- files ---- */

/* Returns a descriptor of a file that belongs to the bus's user, or a negative errno. */
static int open_own(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), err;
	struct stat st;

	if (fd < 0)
		return -errno;
	err = fstat(fd, &st) < 0 ? -errno : st.st_uid != settings->uid ? -EPERM : 0;
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

static bool has_text(const char *path, const char *text, size_t len)
{
	char is[4096];
	int fd = open_own(path);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, is, sizeof(is));
	close(fd);
	return n == (ssize_t)len && !memcmp(is, text, len);
}

static int write_whole(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* Readers see either the old file or the new one, whole. */
static int replace(const char *path, const char *text, size_t len)
{
	char temporary[PATH_MAX + 8];
	int fd, err;

	if (has_text(path, text, len))
		return 0;
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	err = write_whole(fd, text, len);
	close(fd);
	if (err == 0 && rename(temporary, path) < 0)
		err = -errno;
	if (err < 0)
		unlink(temporary);
	return err;
}

static int replace_by(const char *path, FILE *made, char **text, size_t *len)
{
	int err = fclose(made) ? -ENOMEM : replace(path, *text, *len);

	free(*text);
	return err;
}

/* ---- channels ---- */

int state_spec_write(const char *kind, const struct spec *spec)
{
	char path[PATH_MAX], *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return -ENOMEM;
	path_of(path, kind, spec->name);
	fputs("[channel]\n", out);
	spec_write(spec, out);
	return replace_by(path, out, &text, &len);
}

int state_spec_read(const char *kind, struct spec *spec, const char *name)
{
	char path[PATH_MAX];
	int fd, err;

	path_of(path, kind, name);
	spec_init(spec, name, settings_default_owner());
	fd = open_own(path);
	err = fd < 0 ? fd : spec_read_saved(spec, fd);
	if (fd >= 0)
		close(fd);
	if (err < 0 && err != -ENOENT)
		log_line(LOG_WARNING, "state", name, 0, "%s: %s", path,
			fd < 0 ? strerror(-err) : "it can't be understood");
	return err;
}

void state_spec_forget(const char *kind, const char *name)
{
	char path[PATH_MAX];

	path_of(path, kind, name);
	unlink(path);
}

void state_spec_clean(const char *kind, bool (*keep)(const char *name))
{
	char path[PATH_MAX], name[NAME_MAX + 1];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", settings->runtime, kind);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s", entry->d_name);
		if (len > strlen(".conf") && !strcmp(name + len - strlen(".conf"), ".conf"))
			name[len - strlen(".conf")] = 0;
		else
			name[0] = 0; /* a temporary one */
		if (!*name || !keep(name))
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

/* ---- chand.conf ---- */

static void config_path(char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/" CONFIG, settings->runtime);
}

int state_config_write(const struct config *config)
{
	char path[PATH_MAX], *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return -ENOMEM;
	config_path(path);
	config_write(config, out);
	return replace_by(path, out, &text, &len);
}

int state_config_read(struct config *config)
{
	char path[PATH_MAX];
	int fd, err;

	config_path(path);
	fd = open_own(path);
	if (fd < 0)
		return fd;
	err = config_read_saved(config, fd);
	close(fd);
	return err;
}
