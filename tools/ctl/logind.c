/* SPDX-License-Identifier: MIT */
/*
 * What systemd-logind does at a user's last logout, as its configuration says.  It reads one
 * main file, then drop-ins in the order of their names, and the last assignment counts.  A
 * file of an earlier directory hides files of the same name in later ones.
 */
#include "ctl/logind.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/words.h"
#include "common/user.h"
#include "ctl/output.h"

static const char *const directories[] = {
	"/etc/systemd",
	"/run/systemd",
	"/usr/local/lib/systemd",
	"/usr/lib/systemd",
};
enum { DIRECTORIES = sizeof(directories) / sizeof(directories[0]) };

static bool is_true(const char *word)
{
	return !strcasecmp(word, "yes") || !strcasecmp(word, "true") || !strcasecmp(word, "on") ||
	       !strcasecmp(word, "y") || !strcasecmp(word, "t") || !strcmp(word, "1");
}

/* Set *remove_ipc if the file says something about it.  Returns false if there is no file. */
static bool read_file(const char *path, bool *remove_ipc)
{
	FILE *file = fopen(path, "re");
	char line[512], value[32], section[32] = "";

	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, " [%31[^]]", section) == 1)
			continue;
		if (!strcmp(section, "Login") && sscanf(line, " RemoveIPC = %31s", value) == 1)
			*remove_ipc = is_true(value);
	}
	fclose(file);
	return true;
}

struct drop_in {
	char *path;
	const char *name; /* in path */
};

struct drop_ins {
	struct drop_in *at;
	size_t n;
};

static bool is_hidden(const struct drop_ins *ins, const char *name)
{
	for (size_t i = 0; i < ins->n; i++)
		if (!strcmp(ins->at[i].name, name))
			return true;
	return false;
}

static void collect(struct drop_ins *ins, const char *directory)
{
	char path[512];
	const struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/logind.conf.d", directory);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);

		if (len <= 5 || strcmp(entry->d_name + len - 5, ".conf") != 0 ||
			is_hidden(ins, entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/logind.conf.d/%s", directory, entry->d_name);
		ins->at = ctl_grow(ins->at, ins->n + 1, sizeof(*ins->at));
		ins->at[ins->n].path = ctl_copy(path);
		ins->at[ins->n].name = strrchr(ins->at[ins->n].path, '/') + 1;
		ins->n++;
	}
	if (dir)
		closedir(dir);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct drop_in *)a)->name, ((const struct drop_in *)b)->name);
}

bool ctl_logind_removes_ipc(void)
{
	struct drop_ins ins = {0};
	bool remove_ipc = true; /* logind's default */
	bool found = false;
	char path[512];

	if (access("/run/systemd/system", F_OK))
		return false; /* no systemd here */
	for (int i = 0; i < DIRECTORIES; i++) {
		snprintf(path, sizeof(path), "%s/logind.conf", directories[i]);
		found = found || read_file(path, &remove_ipc);
		collect(&ins, directories[i]);
	}
	if (ins.n)
		qsort(ins.at, ins.n, sizeof(*ins.at), by_name);
	for (size_t i = 0; i < ins.n; i++) {
		read_file(ins.at[i].path, &remove_ipc);
		free(ins.at[i].path);
	}
	free(ins.at);
	return remove_ipc;
}

bool ctl_is_person(uid_t uid)
{
	bool dynamic = uid >= 61184 && uid <= 65519;

	return uid >= 1000 && !dynamic;
}

bool ctl_lingers(uid_t uid)
{
	char path[128];

	snprintf(path, sizeof(path), "/var/lib/systemd/linger/%s", cli_user(uid));
	return !access(path, F_OK);
}
