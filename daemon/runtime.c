/* SPDX-License-Identifier: MIT */
/* The model is in runtime.h. */
#include "runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "notify.h"
#include "registry/state.h"
#include "settings.h"

#define SYSTEM_USER "chand"

/* How often chand looks whether a socket's program goes away, and the pause in between, ns:
 * six seconds.  A killed chand's socket lives until the kernel has taken its io_uring apart,
 * which on a loaded machine has taken more than two. */
#define LOOKS 300
#define LOOK_PAUSE 20000000

/* ---- directories ---- */

static int refuse_directory(const char *path, const struct stat *st)
{
	const struct passwd *owner = getpwuid(st->st_uid);
	char number[16];

	snprintf(number, sizeof(number), "%u", (unsigned)st->st_uid);
	if (!S_ISDIR(st->st_mode))
		log_line(LOG_ERR, "failed", NULL, 0, "%s is in the way: it is no directory", path);
	else
		log_line(LOG_ERR, "refused", NULL, 0,
			"%s belongs to user %s, and so does its bus; run chand as that user, or "
			"give this one another --runtime-dir",
			path, owner ? owner->pw_name : number);
	return S_ISDIR(st->st_mode) ? -EPERM : -ENOTDIR;
}

/* Make a directory below RUNTIME, or RUNTIME itself, which may belong to root if chand may
 * write it. */
static int make_dir(const char *sub, mode_t mode)
{
	char path[PATH_MAX + 16];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s", settings->runtime, sub);
	if ((mkdir(path, mode) < 0 && errno != EEXIST) || stat(path, &st) < 0) {
		int err = -errno;

		log_line(LOG_ERR, "failed", NULL, 0, "%s: %s", path, strerror(-err));
		return err;
	}
	if (S_ISDIR(st.st_mode) && (st.st_uid == settings->uid || (!*sub && st.st_uid == 0)))
		return 0;
	return refuse_directory(path, &st);
}

/* Root does not keep the system's bus: its segments would belong to root, where no client
 * that asks for chand/NAME would find them, and the files left in the directory would keep
 * the real chand from starting. */
static int check_user(void)
{
	const struct passwd *keeper;

	if (settings->user || settings->uid != 0 || strcmp(settings->runtime, RUNTIME_SYSTEM) != 0)
		return 0;
	keeper = getpwnam(SYSTEM_USER);
	if (!keeper || keeper->pw_uid == 0)
		return 0;
	log_line(LOG_ERR, "refused", NULL, 0,
		"the system's bus is kept by the user " SYSTEM_USER ", not by root: "
		"'systemctl start chand.service', or without systemd "
		"'setpriv --reuid=" SYSTEM_USER " --regid=" SYSTEM_USER " --init-groups chand'");
	return -EPERM;
}

/* ---- the lock ---- */

/* Take the lock.  Returns its descriptor. */
static int lock(void)
{
	char path[PATH_MAX + 8], pid[32] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/lock", settings->runtime);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		int err = -errno;

		log_line(LOG_ERR, "failed", NULL, 0, "%s: %s", path, strerror(-err));
		return err;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

		if (n > 0)
			pid[n] = 0;
		pid[strspn(pid, "0123456789")] = 0;
		log_line(LOG_ERR, "second", NULL, 0,
			"another chand, process %s, keeps this bus; this one ends",
			*pid ? pid : "?");
		close(fd);
		return -EBUSY;
	}
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, strlen(pid), 0) < 0)
		log_line(LOG_WARNING, "failed", NULL, 0, "%s: %s", path, strerror(errno));
	return fd;
}

/* ---- sockets ---- */

/* The sockets that this chand has made: where they are, and which file each is. */
static struct own {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t dev;
	ino_t ino;
} own[2];
static unsigned owned;

static int address_of(struct sockaddr_un *ret, const char *file)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	return snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/%s", settings->runtime, file) <
			       (int)sizeof(ret->sun_path)
		       ? 0
		       : -ENAMETOOLONG;
}

/* Returns 0 if there is nothing, or the socket of a program that is gone; otherwise why
 * chand can't bind it.  A datagram socket is of another type than any that chand or systemd
 * binds there: the kernel says whether the other program lives, and does not wake it. */
static int probe(const struct sockaddr_un *at)
{
	struct stat st;
	int fd, err;

	if (lstat(at->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0 ? errno : 0;
	close(fd);
	return err == ECONNREFUSED || err == ENOENT ? 0 : -EADDRINUSE;
}

static int refuse_socket(const char *path, int err)
{
	const char *user = settings->user ? "--user " : "";

	if (err == -EADDRINUSE)
		log_line(LOG_ERR, "refused", NULL, 0,
			"another program listens on %s, probably systemd for chand.service: "
			"'systemctl %sstart chand.service' starts the one that it serves; to "
			"run chand by hand, first 'systemctl %sstop chand.socket "
			"chand-metrics.socket'",
			path, user, user);
	else if (err == -EEXIST)
		log_line(LOG_ERR, "failed", NULL, 0,
			"%s is in the way: it is no socket, and chand did not make it", path);
	else
		log_line(LOG_ERR, "failed", NULL, 0, "socket %s: %s", path, strerror(-err));
	return err;
}

/* May chand bind it, unless it was passed?  Sets *ret to its path. */
static int check_socket(const char *file, struct sockaddr_un *ret)
{
	int err = address_of(ret, file);

	return err == 0 && notify_listening(file) < 0 ? probe(ret) : err;
}

static int check_sockets(struct sockaddr_un *ret)
{
	int err = check_socket("control", ret);

	return err < 0 ? err : check_socket("metrics", ret);
}

/* Take the lock, when nobody has the sockets.  The kernel may keep the sockets of a chand
 * that was killed for a moment, with its io_uring, so it is worth looking a few times.
 * Between the looks the lock is free: systemd may start its own chand. */
static int lock_with_sockets(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int err = -EADDRINUSE;

	for (int i = 0; i < LOOKS && err == -EADDRINUSE; i++) {
		int fd;

		if (i > 0)
			nanosleep(&(struct timespec){.tv_nsec = LOOK_PAUSE}, NULL);
		fd = lock();
		if (fd < 0)
			return fd;
		err = check_sockets(&at);
		if (err == 0)
			return 0;
		close(fd);
	}
	return refuse_socket(at.sun_path, err);
}

/* Nobody else binds it meanwhile: chand has the lock. */
static int make_listening(const struct sockaddr_un *at, int type, mode_t mode)
{
	struct stat st;
	int err = probe(at), fd;

	if (err < 0)
		return err;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (unlink(at->sun_path) < 0 && errno != ENOENT)
		err = -errno;
	else if (bind(fd, (const struct sockaddr *)at, sizeof(*at)) < 0)
		err = -errno;
	if (err < 0) {
		close(fd);
		return err;
	}
	if (owned < sizeof(own) / sizeof(own[0]) && lstat(at->sun_path, &st) == 0) {
		struct own *o = &own[owned++];

		memcpy(o->path, at->sun_path, sizeof(o->path));
		o->dev = st.st_dev;
		o->ino = st.st_ino;
	}
	if (chmod(at->sun_path, mode) < 0 || listen(fd, 1024) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int runtime_listen(const char *file, int type, mode_t mode)
{
	struct sockaddr_un at;
	int fd = notify_listening(file), err = address_of(&at, file), is = 0;
	socklen_t len = sizeof(is);

	if (fd >= 0 && (getsockopt(fd, SOL_SOCKET, SO_TYPE, &is, &len) < 0 || is != type))
		err = -EPROTOTYPE;
	else if (fd >= 0)
		err = fd;
	else if (err == 0)
		err = make_listening(&at, type, mode);
	return err < 0 ? refuse_socket(at.sun_path, err) : err;
}

void runtime_leave(void)
{
	struct stat st;

	while (owned) {
		const struct own *o = &own[--owned];

		if (lstat(o->path, &st) == 0 && st.st_dev == o->dev && st.st_ino == o->ino)
			unlink(o->path);
	}
}

int runtime_take(void)
{
	int err = check_user();

	if (err == 0)
		err = make_dir("", 0755);
	if (err == 0)
		err = lock_with_sockets();
	if (err == 0)
		err = make_dir("/" STATE_REQUESTED, 0700);
	if (err == 0)
		err = make_dir("/" STATE_DECLARED, 0700);
	if (err == 0)
		err = make_dir("/ready", 0755);
	return err;
}
