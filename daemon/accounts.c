/* SPDX-License-Identifier: MIT */
#include "accounts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "settings.h"

struct account {
	uid_t uid;
	unsigned connections;
};

static struct account *accounts;
static size_t account_count, account_room;
static unsigned total;
static void (*close_dead_of)(uid_t uid);

void accounts_start(void (*close_dead)(uid_t uid))
{
	close_dead_of = close_dead;
}

unsigned accounts_connections(void)
{
	return total;
}

const struct quota *accounts_quota(uid_t uid)
{
	return config_quota(&settings->config, uid);
}

bool accounts_limited(uid_t uid)
{
	return uid != 0 && uid != settings->uid;
}

/* Returns the user's account, which is made if need be, or NULL: no memory. */
static struct account *account_of(uid_t uid)
{
	for (size_t i = 0; i < account_count; i++)
		if (accounts[i].uid == uid)
			return &accounts[i];
	if (account_count == account_room) {
		size_t larger = account_room ? 2 * account_room : 16;
		struct account *grown = reallocarray(accounts, larger, sizeof(*grown));

		if (!grown)
			return NULL;
		accounts = grown;
		account_room = larger;
	}
	accounts[account_count] = (struct account){.uid = uid};
	return &accounts[account_count++];
}

/* Channels and processes need descriptors, too. */
static unsigned total_max(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur > 4 * 4096)
		return 4096;
	return (unsigned)files.rlim_cur / 4;
}

int accounts_admit(uid_t uid, char *why, size_t size)
{
	const struct quota *quota = accounts_quota(uid);
	struct account *account = account_of(uid);

	if (account && account->connections >= quota->connections && close_dead_of) {
		close_dead_of(uid);
		account = account_of(uid);
	}
	if (!account || (accounts_limited(uid) && total >= total_max())) {
		snprintf(why, size, "there are too many connections");
		return -EDQUOT;
	}
	if (accounts_limited(uid) && account->connections >= quota->connections) {
		snprintf(why, size, "user %u has %u connections of %" PRIu64, (unsigned)uid,
			account->connections, quota->connections);
		return -EDQUOT;
	}
	account->connections++;
	total++;
	return 0;
}

void accounts_leave(uid_t uid)
{
	struct account *account = account_of(uid);

	account->connections--;
	total--;
	if (!account->connections)
		*account = accounts[--account_count];
}
