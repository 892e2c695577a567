/* SPDX-License-Identifier: MIT */
/*
 * The C part of the module for Node: calls that never wait, the loop's watching of
 * chan_fd(), and a thread of libuv's pool for what may wait (jobs).  index.js is its only
 * user, and makes of it what a program sees.
 *
 * A call returns its result; -EAGAIN and -EBUSY as negative numbers; any other error is
 * thrown.
 */
#include "node_abi.h"

#include <errno.h>
#include <shmchan.h>
#include <stdlib.h>
#include <string.h>

/* A descriptor that the loop watches. */
struct watch {
	napi_env env;
	void *poll; /* uv_poll_t, NULL: was never watched */
	napi_ref callback;
	void (*gone)(void *owner); /* after unwatch_for_good() */
	void *owner;
};

/* It is detached when it has left the loop and no job uses it, and freed when JavaScript has
 * forgotten it, too. */
struct endpoint {
	chan_t *ch;
	napi_env env;
	struct watch watch[2]; /* of CHAN_RECV, CHAN_SEND */
	unsigned waits_for;    /* handles that close, and jobs */
	bool leaving, forgotten;
	struct lease *leases;
	void *loan;
	napi_ref loaned;
	char *room;
	size_t size;
	napi_cleanup cleanup;
};

struct lease {
	struct lease *next;
	struct chan_lease raw;
	napi_ref data;
};

/* ---- values ---- */

/* The arguments of a call; those that are missing are undefined. */
static void arguments(napi_env env, napi_callback_info info, napi_value *argv, size_t n)
{
	napi_get_cb_info(env, info, &n, argv, NULL, NULL);
}

static napi_value number(napi_env env, double n)
{
	napi_value value;

	napi_create_double(env, n, &value);
	return value;
}

static napi_value string(napi_env env, const char *s)
{
	napi_value value;

	napi_create_string_utf8(env, s, NAPI_AUTO_LENGTH, &value);
	return value;
}

static napi_value undefined(napi_env env)
{
	napi_value value;

	napi_get_undefined(env, &value);
	return value;
}

static double number_of(napi_env env, napi_value value)
{
	double n = 0;

	napi_get_value_double(env, value, &n);
	return n;
}

static double member(napi_env env, napi_value object, const char *name)
{
	napi_value value;

	napi_get_named_property(env, object, name, &value);
	return number_of(env, value);
}

static void set_number(napi_env env, napi_value object, const char *name, double n)
{
	napi_set_named_property(env, object, name, number(env, n));
}

/* ---- errors ---- */

/* What is known of an error, taken from the library on the thread of its call. */
struct failure {
	int err;
	uint64_t size;
	char text[600];
};

static void note_failure(struct failure *f, int64_t err)
{
	const char *detail = chan_error_detail((int)err), *text = chan_strerror((int)err);
	size_t n = strnlen(text, 200), m = strnlen(detail, 390);

	f->err = (int)err;
	f->size = chan_error_size((int)err);
	memcpy(f->text, text, n);
	if (m > 0) {
		memcpy(f->text + n, ": ", 2);
		memcpy(f->text + n + 2, detail, m);
		n += m + 2;
	}
	f->text[n] = 0;
}

#define NAME(e) [e] = #e
static const char *const error_names[] = {NAME(EAGAIN), NAME(ETIMEDOUT), NAME(EPIPE), NAME(EIDRM),
	NAME(EMSGSIZE), NAME(EOVERFLOW), NAME(ENOENT), NAME(EEXIST), NAME(EACCES), NAME(EPERM),
	NAME(EINVAL), NAME(EBUSY), NAME(EBADF), NAME(EBADFD), NAME(EBADMSG), NAME(ENOTCONN),
	NAME(EINTR), NAME(EDEADLK), NAME(ECANCELED), NAME(ENOLCK), NAME(ESTALE), NAME(EUSERS),
	NAME(ENOSPC), NAME(EFBIG), NAME(EDQUOT), NAME(EROFS), NAME(EOPNOTSUPP), NAME(EMFILE),
	NAME(ENFILE), NAME(ENOMEM), NAME(EIO), NAME(ESRCH), NAME(ECONNREFUSED), NAME(EINPROGRESS),
	NAME(EPROTONOSUPPORT), NAME(EPROTOTYPE), NAME(EXDEV), NAME(ECONNRESET)};

static napi_value error_of(napi_env env, const struct failure *f, const char *call)
{
	unsigned err = (unsigned)-f->err;
	const char *code =
		err < sizeof(error_names) / sizeof(*error_names) ? error_names[err] : NULL;
	napi_value error;

	napi_create_error(env, string(env, code ? code : "UNKNOWN"), string(env, f->text), &error);
	set_number(env, error, "errno", f->err);
	napi_set_named_property(env, error, "syscall", string(env, call));
	if (f->size > 0)
		set_number(env, error, "size", (double)f->size);
	return error;
}

static bool is_later(int64_t r)
{
	return r == -EAGAIN || r == -EBUSY;
}

/* The result of a call that is not made again later: any error is thrown. */
static napi_value result_now(napi_env env, int64_t r, const char *call)
{
	struct failure f;

	if (r >= 0)
		return number(env, (double)r);
	note_failure(&f, r);
	napi_throw(env, error_of(env, &f, call));
	return NULL;
}

/* The result of a call of the library, as described above. */
static napi_value result_of(napi_env env, int64_t r, const char *call)
{
	return is_later(r) ? number(env, (double)r) : result_now(env, r, call);
}

static napi_value throw_text(napi_env env, int err, const char *text, const char *call)
{
	struct failure f = {.err = err};

	strncpy(f.text, text, sizeof(f.text) - 1);
	napi_throw(env, error_of(env, &f, call));
	return NULL;
}

/* The endpoint of a call's first argument, or NULL with an exception. */
static struct endpoint *endpoint_of(napi_env env, napi_value value)
{
	void *e = NULL;

	if (napi_get_value_external(env, value, &e) != 0 || ((struct endpoint *)e)->leaving) {
		throw_text(env, -ENOTCONN, "the endpoint is detached", "shmchan");
		return NULL;
	}
	return e;
}

/* ---- leaving ---- */

static void end(struct endpoint *e)
{
	if (!e->leaving || e->waits_for > 0)
		return;
	if (e->ch) {
		chan_detach(e->ch);
		e->ch = NULL;
		napi_remove_async_cleanup_hook(e->cleanup);
	}
	if (e->forgotten) {
		free(e->room);
		free(e);
	}
}

static void unwatched(void *owner)
{
	struct endpoint *e = owner;

	e->waits_for--;
	end(e);
}

static void closed(void *poll)
{
	struct watch *w = uv_handle_get_data(poll);

	free(poll);
	w->gone(w->owner);
}

/* Returns true if w->gone() will be called. */
static bool unwatch_for_good(struct watch *w)
{
	if (!w->poll)
		return false;
	napi_delete_reference(w->env, w->callback);
	uv_close(w->poll, closed);
	w->poll = NULL;
	return true;
}

static void leave(struct endpoint *e)
{
	if (e->leaving)
		return;
	e->leaving = true;
	chan_interrupt(e->ch, 1);
	for (int i = 0; i < 2; i++)
		e->waits_for += unwatch_for_good(&e->watch[i]);
	while (e->leases) {
		struct lease *l = e->leases;

		e->leases = l->next;
		napi_delete_reference(e->env, l->data);
		free(l);
	}
	end(e);
}

/* The environment ends: the program, or a worker. */
static void clean_up(napi_cleanup handle, void *data)
{
	(void)handle;
	leave(data);
}

static void forget(napi_env env, void *data, void *hint)
{
	struct endpoint *e = data;

	(void)env;
	(void)hint;
	e->forgotten = true;
	leave(e);
	end(e);
}

static void take_back(struct endpoint *e, napi_ref ref)
{
	napi_value data;

	napi_get_reference_value(e->env, ref, &data);
	napi_detach_arraybuffer(e->env, data);
}

static void end_loan(struct endpoint *e)
{
	if (!e->loaned)
		return;
	take_back(e, e->loaned);
	napi_delete_reference(e->env, e->loaned);
	e->loaned = NULL;
}

static napi_value detach(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[1];
	void *p = NULL;

	arguments(env, info, arg, 1);
	napi_get_value_external(env, arg[0], &p);
	e = p;
	if (e && !e->leaving) {
		for (struct lease *l = e->leases; l; l = l->next)
			take_back(e, l->data);
		end_loan(e);
		leave(e);
	}
	return NULL;
}

/* ---- jobs: calls that may wait, in a thread of the pool ---- */

enum call {
	OPEN,
	CREATE,
	REMOVE,
	UNLINK,
	COLLECT,
	PURGE,
	RECOVER,
	OFFER,
	SUBSCRIBE,
	RESPONSE,
	KICK
};

static const char *const call_names[] = {"chan_open", "chan_create", "chan_remove", "chan_unlink",
	"chan_collect", "chan_purge", "chan_recover", "chan_send", "chan_subscribe",
	"chan_response", "chan_kick"};

struct job {
	enum call call;
	char name[512];
	unsigned flags;
	struct chan_options opt;
	bool has_opt;
	struct chan_subscription how;
	char group[64];
	struct endpoint *e; /* of PURGE, RECOVER, OFFER, RESPONSE */
	uint64_t number;    /* of RESPONSE, and so below */
	char *reply;
	struct chan_meta meta;
	chan_t *opened;
	void *message;
	size_t len;
	int64_t result;
	struct failure failure;
	napi_deferred deferred;
	napi_async_work work;
};

/* How long a job waits for a response before index.js looks if it is still wanted, ns. */
#define SLICE INT64_C(100000000)

static ssize_t get_response(struct job *j, int64_t timeout)
{
	size_t size = 16384;
	ssize_t r;

	do {
		char *room = realloc(j->reply, size);

		if (!room)
			return -ENOMEM;
		j->reply = room;
		j->meta.size = sizeof(j->meta);
		r = chan_response(j->e->ch, j->number, room, size, &j->meta, timeout);
		if (r == -EMSGSIZE)
			size = chan_error_size((int)r);
	} while (r == -EMSGSIZE);
	return r;
}

static int64_t make_call(struct job *j)
{
	const struct chan_options *opt = j->has_opt ? &j->opt : NULL;

	switch (j->call) {
	case OPEN:
		return chan_open(&j->opened, j->name, j->flags, opt);
	case SUBSCRIBE:
		return chan_subscribe(&j->opened, j->name, &j->how);
	case CREATE:
		return chan_create(j->name, opt);
	case REMOVE:
		return chan_remove(j->name);
	case UNLINK:
		return chan_unlink(j->name);
	case COLLECT:
		return chan_collect(j->name);
	case PURGE:
		return chan_purge(j->e->ch);
	case RECOVER:
		return chan_recover(j->e->ch);
	case KICK:
		return chan_kick(j->e->ch, UINT64_MAX);
	case OFFER:
		return chan_send(j->e->ch, j->message, j->len, CHAN_WAIT);
	case RESPONSE:
		return get_response(j, SLICE);
	}
	return -EINVAL;
}

static void execute(napi_env env, void *data)
{
	struct job *j = data;

	(void)env;
	j->result = make_call(j);
	if (j->result < 0)
		note_failure(&j->failure, j->result);
}

static napi_value response_value(napi_env env, const struct job *j);

/* What the job's call returns to JavaScript. */
static napi_value job_value(napi_env env, struct job *j)
{
	struct endpoint *e;
	napi_value value;

	if (j->call == RESPONSE)
		return response_value(env, j);
	if (j->call != OPEN && j->call != SUBSCRIBE)
		return number(env, (double)j->result);
	e = calloc(1, sizeof(*e));
	if (!e) {
		chan_detach(j->opened);
		return undefined(env);
	}
	e->ch = j->opened;
	e->env = env;
	for (int i = 0; i < 2; i++)
		e->watch[i] = (struct watch){.env = env, .gone = unwatched, .owner = e};
	napi_add_async_cleanup_hook(env, clean_up, e, &e->cleanup);
	napi_create_external(env, e, forget, NULL, &value);
	return value;
}

static void complete(napi_env env, int status, void *data)
{
	struct job *j = data;
	struct endpoint *e = j->e;

	(void)status;
	if (j->result < 0)
		napi_reject_deferred(
			env, j->deferred, error_of(env, &j->failure, call_names[j->call]));
	else
		napi_resolve_deferred(env, j->deferred, job_value(env, j));
	napi_delete_async_work(env, j->work);
	if (e) {
		if (!e->leaving && j->call != RESPONSE)
			chan_interrupt(e->ch, 0);
		e->waits_for--;
		end(e);
	}
	free(j->reply);
	free(j->message);
	free(j);
}

static napi_value queue_job(napi_env env, struct job *j)
{
	napi_value promise;

	if (j->e)
		j->e->waits_for++;
	napi_create_promise(env, &j->deferred, &promise);
	napi_create_async_work(
		env, NULL, string(env, call_names[j->call]), execute, complete, j, &j->work);
	napi_queue_async_work(env, j->work);
	return promise;
}

static void options_of(napi_env env, napi_value object, struct job *j)
{
	int type = NAPI_UNDEFINED;
	napi_value place;
	double max;
	size_t len;

	napi_typeof(env, object, &type);
	j->has_opt = type != NAPI_UNDEFINED && type != NAPI_NULL;
	if (!j->has_opt)
		return;
	j->opt = (struct chan_options){
		.size = sizeof(j->opt),
		.flags = (uint32_t)member(env, object, "flags"),
		.capacity = (uint64_t)member(env, object, "capacity"),
		.max_message = (uint32_t)member(env, object, "maxMessage"),
		.overflow = (uint32_t)member(env, object, "overflow"),
		.mode = (uint32_t)member(env, object, "mode"),
		.endpoints = (uint32_t)member(env, object, "endpoints"),
		.lifetime = (uint32_t)member(env, object, "lifetime"),
		.kind = (uint32_t)member(env, object, "kind"),
		.linger = (uint64_t)member(env, object, "linger"),
		.type = (uint64_t)member(env, object, "type"),
		.on_lag = (uint32_t)member(env, object, "onLag"),
		.groups = (uint32_t)member(env, object, "groups"),
		.patience = (uint64_t)member(env, object, "patience"),
		.lanes = (uint32_t)member(env, object, "lanes"),
		.lane_by = (uint32_t)member(env, object, "laneBy"),
		.dedup = (uint32_t)member(env, object, "dedup"),
		.dedup_age = (uint64_t)member(env, object, "dedupAge"),
		.max_deliver = (uint32_t)member(env, object, "maxDeliver"),
	};
	napi_get_named_property(env, object, "deadLetter", &place);
	napi_get_value_string_utf8(
		env, place, j->opt.dead_letter, sizeof(j->opt.dead_letter), &len);
	max = member(env, object, "maxCapacity");
	j->opt.max_capacity = max < 0x1p63 ? (uint64_t)max : CHAN_UNBOUNDED;
}

static void subscription_of(napi_env env, napi_value object, struct job *j)
{
	napi_value group;
	size_t len;

	j->how = (struct chan_subscription){
		.size = sizeof(j->how),
		.flags = (uint32_t)member(env, object, "flags"),
		.from = (uint32_t)member(env, object, "from"),
		.on_lag = (uint32_t)member(env, object, "onLag"),
		.start = (uint64_t)member(env, object, "start"),
		.patience = (uint64_t)member(env, object, "patience"),
		.group_age = (uint64_t)member(env, object, "groupAge"),
	};
	napi_get_named_property(env, object, "group", &group);
	if (napi_get_value_string_utf8(env, group, j->group, sizeof(j->group), &len) == 0)
		j->how.group = j->group;
}

/* named(call, name, flags, options or subscription, now): a promise; with `now` the result
 * itself. */
static napi_value named(napi_env env, napi_callback_info info)
{
	struct job *j = calloc(1, sizeof(*j));
	napi_value arg[5], value;
	size_t len = 0;

	if (!j)
		return throw_text(env, -ENOMEM, "memory has run out", "shmchan");
	arguments(env, info, arg, 5);
	j->call = (enum call)number_of(env, arg[0]);
	napi_get_value_string_utf8(env, arg[1], j->name, sizeof(j->name), &len);
	j->flags = (unsigned)number_of(env, arg[2]);
	if (j->call == SUBSCRIBE)
		subscription_of(env, arg[3], j);
	else
		options_of(env, arg[3], j);
	if (strlen(j->name) != len) {
		value = throw_text(
			env, -EINVAL, "a channel's name has no NUL in it", call_names[j->call]);
	} else if (number_of(env, arg[4]) == 0) {
		return queue_job(env, j);
	} else if (execute(env, j), j->result < 0) {
		napi_throw(env, error_of(env, &j->failure, call_names[j->call]));
		value = NULL;
	} else {
		value = job_value(env, j);
	}
	free(j);
	return value;
}

/* job(endpoint, call, message): a promise. */
static napi_value endpoint_job(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[3];
	struct job *j;
	void *message;

	arguments(env, info, arg, 3);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	j = calloc(1, sizeof(*j));
	if (!j)
		return throw_text(env, -ENOMEM, "memory has run out", "shmchan");
	j->e = e;
	j->call = (enum call)number_of(env, arg[1]);
	if (j->call == RESPONSE) {
		napi_get_buffer_info(env, arg[2], &message, &j->len);
		memcpy(&j->number, message, sizeof(j->number));
	}
	if (j->call == OFFER) {
		napi_get_buffer_info(env, arg[2], &message, &j->len);
		j->message = malloc(j->len + 1);
		if (!j->message) {
			free(j);
			return throw_text(env, -ENOMEM, "memory has run out", "chan_send");
		}
		memcpy(j->message, message, j->len);
	}
	return queue_job(env, j);
}

/* interrupt(endpoint): its job ends with EINTR. */
static napi_value interrupt(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[1];

	arguments(env, info, arg, 1);
	e = endpoint_of(env, arg[0]);
	if (e)
		chan_interrupt(e->ch, 1);
	return NULL;
}

/* ---- the loop ---- */

static void ready(void *poll, int status, int events)
{
	struct watch *w = uv_handle_get_data(poll);
	napi_env env = w->env;
	napi_handle_scope scope;
	napi_value callback, global, ignored;

	(void)status;
	(void)events;
	napi_open_handle_scope(env, &scope);
	napi_get_reference_value(env, w->callback, &callback);
	napi_get_global(env, &global);
	napi_make_callback(env, NULL, global, callback, 0, NULL, &ignored);
	napi_close_handle_scope(env, scope);
}

/* Have the loop call it whenever the descriptor, or error, is readable.  The callback is the
 * first one's. */
static int begin_watch(struct watch *w, int fd, napi_value callback)
{
	uv_loop_t *loop;
	int err;

	if (fd < 0)
		return fd;
	if (!w->poll) {
		w->poll = calloc(1, uv_handle_size(UV_POLL));
		if (!w->poll)
			return -ENOMEM;
		napi_get_uv_event_loop(w->env, &loop);
		err = uv_poll_init(loop, w->poll, fd);
		if (err < 0) {
			free(w->poll);
			w->poll = NULL;
			return err;
		}
		uv_handle_set_data(w->poll, w);
		napi_create_reference(w->env, callback, 1, &w->callback);
	}
	return uv_poll_start(w->poll, UV_READABLE, ready);
}

/* watch(endpoint, role, callback): call it whenever the descriptor of that role is readable,
 * until unwatch(). */
static napi_value watch(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[3];
	unsigned role;
	int err;

	arguments(env, info, arg, 3);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	role = (unsigned)number_of(env, arg[1]);
	err = begin_watch(&e->watch[role == CHAN_SEND], chan_fd(e->ch, role), arg[2]);
	return result_of(env, err, "chan_fd");
}

static napi_value unwatch(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[2];
	void *poll;

	arguments(env, info, arg, 2);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	poll = e->watch[(unsigned)number_of(env, arg[1]) == CHAN_SEND].poll;
	if (poll)
		uv_poll_stop(poll);
	return NULL;
}

/* ---- messages ---- */

static napi_value send_message(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[2];
	void *message;
	size_t len;

	arguments(env, info, arg, 2);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	if (napi_get_buffer_info(env, arg[1], &message, &len) != 0) {
		napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "a message is a Uint8Array");
		return NULL;
	}
	return result_of(env, chan_send(e->ch, message, len, 0), "chan_send");
}

static bool make_room(struct endpoint *e, size_t size)
{
	char *room;

	if (size <= e->size)
		return true;
	room = realloc(e->room, size);
	if (!room)
		return false;
	e->room = room;
	e->size = size;
	return true;
}

static napi_value receive(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[1], value;
	ssize_t n = -EMSGSIZE;
	size_t size = 16384;

	arguments(env, info, arg, 1);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	while (n == -EMSGSIZE) {
		if (!make_room(e, size))
			return throw_text(env, -ENOMEM, "memory has run out", "chan_recv");
		n = chan_recv(e->ch, e->room, e->size, 0);
		if (n == -EMSGSIZE)
			size = chan_error_size((int)n);
	}
	if (n < 0)
		return result_of(env, n, "chan_recv");
	napi_create_buffer_copy(env, (size_t)n, e->room, NULL, &value);
	return value;
}

/* Copy the bytes of a Buffer, if it is one: its length, or `most` + 1 if it is longer. */
static size_t copy_bytes(napi_env env, napi_value value, void *to, size_t most)
{
	size_t len = 0;
	void *from;

	if (napi_get_buffer_info(env, value, &from, &len) != 0)
		return 0;
	if (len > most)
		return most + 1;
	memcpy(to, from, len);
	return len;
}

/* The header that index.js describes: 0, or an error. */
static int meta_of(napi_env env, napi_value object, struct chan_meta *m)
{
	napi_value key, id, pairs, item;
	char text[2][CHAN_HEADER_MAX];
	uint32_t n = 0;
	size_t len;

	chan_meta_init(m);
	m->flags = (uint32_t)member(env, object, "flags");
	m->priority = (uint8_t)member(env, object, "priority");
	m->status = (int32_t)member(env, object, "status");
	m->ttl = (int64_t)member(env, object, "ttl");
	m->delay = (int64_t)member(env, object, "delay");
	napi_get_named_property(env, object, "key", &key);
	napi_get_named_property(env, object, "id", &id);
	napi_get_named_property(env, object, "pairs", &pairs);
	m->key_length = (uint32_t)copy_bytes(env, key, m->key, CHAN_KEY_MAX);
	copy_bytes(env, id, m->id, sizeof(m->id));
	napi_get_array_length(env, pairs, &n);
	for (uint32_t i = 0; i + 1 < n; i += 2) {
		for (uint32_t j = 0; j < 2; j++) {
			napi_get_element(env, pairs, i + j, &item);
			napi_get_value_string_utf8(env, item, text[j], sizeof(text[j]), &len);
		}
		int r = chan_meta_put(m, text[0], text[1]);

		if (r < 0)
			return r;
	}
	return 0;
}

static void set_bytes(
	napi_env env, napi_value object, const char *name, const void *from, size_t len)
{
	napi_value value;

	napi_create_buffer_copy(env, len, from, NULL, &value);
	napi_set_named_property(env, object, name, value);
}

static napi_value meta_value(napi_env env, const struct chan_meta *m)
{
	napi_value object, pairs;
	uint32_t n = 0;

	napi_create_object(env, &object);
	if (m->flags & CHAN_META_HAS_KEY)
		set_bytes(env, object, "key", m->key, m->key_length);
	if (m->flags & CHAN_META_HAS_ID)
		set_bytes(env, object, "id", m->id, sizeof(m->id));
	if (m->flags & CHAN_META_HAS_PRIORITY)
		set_number(env, object, "priority", m->priority);
	set_number(env, object, "ttl", (double)m->ttl / 1e6);
	set_number(env, object, "delay", (double)m->delay / 1e6);
	set_number(env, object, "seq", (double)m->seq);
	set_number(env, object, "sent", (double)m->sent / 1e6);
	set_number(env, object, "pid", m->pid);
	set_number(env, object, "uid", m->uid);
	set_number(env, object, "attempt", m->attempt);
	set_number(env, object, "status", m->status);
	set_number(env, object, "flags", m->flags);
	napi_create_array(env, &pairs);
	for (const char *at = m->header; at < m->header + m->header_length; at += strlen(at) + 1)
		napi_set_element(env, pairs, n++, string(env, at));
	napi_set_named_property(env, object, "pairs", pairs);
	return object;
}

/* sendMeta(endpoint, message, header) */
static napi_value send_meta(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[3];
	struct chan_meta m;
	void *message;
	size_t len;
	int r;

	arguments(env, info, arg, 3);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	napi_get_buffer_info(env, arg[1], &message, &len);
	r = meta_of(env, arg[2], &m);
	if (r < 0)
		return result_now(env, r, "chan_meta_put");
	return result_of(env, chan_send_meta(e->ch, message, len, &m, 0), "chan_send_meta");
}

/* recvMeta(endpoint): {data, meta}. */
static napi_value receive_meta(napi_env env, napi_callback_info info)
{
	struct chan_meta m = {.size = sizeof(m)};
	napi_value arg[1], object;
	ssize_t n = -EMSGSIZE;
	struct endpoint *e;
	size_t size = 16384;

	arguments(env, info, arg, 1);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	while (n == -EMSGSIZE) {
		if (!make_room(e, size))
			return throw_text(env, -ENOMEM, "memory has run out", "chan_recv_meta");
		n = chan_recv_meta(e->ch, e->room, e->size, &m, 0);
		if (n == -EMSGSIZE)
			size = chan_error_size((int)n);
	}
	if (n < 0)
		return result_of(env, n, "chan_recv_meta");
	napi_create_object(env, &object);
	set_bytes(env, object, "data", e->room, (size_t)n);
	napi_set_named_property(env, object, "meta", meta_value(env, &m));
	return object;
}

/* leaseMeta(endpoint, id) */
static napi_value lease_meta(napi_env env, napi_callback_info info)
{
	struct chan_meta m = {.size = sizeof(m)};
	struct endpoint *e;
	struct lease *l;
	napi_value arg[2];
	void *id = NULL;
	int r;

	arguments(env, info, arg, 2);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	napi_get_value_external(env, arg[1], &id);
	for (l = e->leases; l && l != id; l = l->next)
		;
	if (!l)
		return throw_text(
			env, -ESTALE, "this message is not held any more", "chan_lease_meta");
	r = chan_lease_meta(e->ch, &l->raw, &m);
	return r < 0 ? result_now(env, r, "chan_lease_meta") : meta_value(env, &m);
}

/* ---- requests and replies; the number of a request is a Buffer ---- */

static napi_value response_value(napi_env env, const struct job *j)
{
	napi_value object;

	napi_create_object(env, &object);
	set_bytes(env, object, "data", j->reply, (size_t)j->result);
	napi_set_named_property(env, object, "meta", meta_value(env, &j->meta));
	return object;
}

static uint64_t request_number(napi_env env, napi_value value)
{
	uint64_t number = 0;

	copy_bytes(env, value, &number, sizeof(number));
	return number;
}

/* request(endpoint, message, header): its number. */
static napi_value request(napi_env env, napi_callback_info info)
{
	napi_value arg[3], value;
	struct endpoint *e;
	struct chan_meta m;
	uint64_t number;
	void *message;
	size_t len;
	int r;

	arguments(env, info, arg, 3);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	napi_get_buffer_info(env, arg[1], &message, &len);
	r = meta_of(env, arg[2], &m);
	if (r < 0)
		return result_now(env, r, "chan_meta_put");
	r = chan_request(e->ch, message, len, &m, 0, &number);
	if (r > 0) /* dropped, or sent before, as its id says: no reply comes */
		r = -ECANCELED;
	if (r < 0)
		return result_of(env, r, "chan_request");
	napi_create_buffer_copy(env, sizeof(number), &number, NULL, &value);
	return value;
}

/* response(endpoint, number): {data, meta}. */
static napi_value response(napi_env env, napi_callback_info info)
{
	struct job j = {.call = RESPONSE};
	napi_value arg[2], value;

	arguments(env, info, arg, 2);
	j.e = endpoint_of(env, arg[0]);
	if (!j.e)
		return NULL;
	j.number = request_number(env, arg[1]);
	j.result = get_response(&j, 0);
	value = j.result < 0 ? result_of(env, j.result, "chan_response") : response_value(env, &j);
	free(j.reply);
	return value;
}

/* cancel(endpoint, number) */
static napi_value cancel(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[2];

	arguments(env, info, arg, 2);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	return result_now(env, chan_cancel(e->ch, request_number(env, arg[1])), "chan_cancel");
}

static struct lease **lease_at(napi_env env, struct endpoint *e, napi_value value)
{
	struct lease **at = &e->leases;
	void *id = NULL;

	napi_get_value_external(env, value, &id);
	while (*at && *at != id)
		at = &(*at)->next;
	return at;
}

/* reply(endpoint, id, message, header): the last one ends the lease. */
static napi_value reply(napi_env env, napi_callback_info info)
{
	struct lease **at, *l;
	struct endpoint *e;
	struct chan_meta m;
	napi_value arg[4];
	void *message;
	size_t len;
	int r;

	arguments(env, info, arg, 4);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	at = lease_at(env, e, arg[1]);
	l = *at;
	if (!l)
		return throw_text(env, -ESTALE, "this message is not held any more", "chan_reply");
	napi_get_buffer_info(env, arg[2], &message, &len);
	r = meta_of(env, arg[3], &m);
	if (r < 0)
		return result_now(env, r, "chan_meta_put");
	r = chan_reply(e->ch, &l->raw, message, len, &m, 0);
	if (r >= 0 && !(m.flags & CHAN_META_MORE)) {
		take_back(e, l->data);
		napi_delete_reference(env, l->data);
		*at = l->next;
		free(l);
	}
	return result_of(env, r, "chan_reply");
}

/* wanted(endpoint, id) */
static napi_value wanted(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[2];
	struct lease *l;

	arguments(env, info, arg, 2);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	l = *lease_at(env, e, arg[1]);
	if (!l)
		return throw_text(env, -ESTALE, "this message is not held any more", "chan_wanted");
	return result_now(env, chan_wanted(e->ch, &l->raw), "chan_wanted");
}

enum { BATCH = 256, SLOT = 1024 };

/* sendBatch(endpoint, buffers): of 256 at most how many were sent. */
static napi_value send_batch(napi_env env, napi_callback_info info)
{
	struct iovec v[BATCH];
	struct endpoint *e;
	napi_value arg[2], item;
	uint32_t n = 0;

	arguments(env, info, arg, 2);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	napi_get_array_length(env, arg[1], &n);
	n = n < BATCH ? n : BATCH;
	for (uint32_t i = 0; i < n; i++) {
		napi_get_element(env, arg[1], i, &item);
		if (napi_get_buffer_info(env, item, &v[i].iov_base, &v[i].iov_len) != 0) {
			napi_throw_type_error(
				env, "ERR_INVALID_ARG_TYPE", "a message is a Uint8Array");
			return NULL;
		}
	}
	return result_of(env, n > 0 ? chan_send_batch(e->ch, v, n, 0) : 0, "chan_send_batch");
}

/* recvBatch(endpoint, n): an array of 1 to n buffers, of 256 at most.  EMSGSIZE: the first
 * one is too long for a batch. */
static napi_value recv_batch(napi_env env, napi_callback_info info)
{
	struct iovec v[BATCH];
	struct endpoint *e;
	napi_value arg[2], array, item;
	unsigned n;
	int r;

	arguments(env, info, arg, 2);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	n = (unsigned)number_of(env, arg[1]);
	n = n < BATCH ? n : BATCH;
	if (!make_room(e, (size_t)BATCH * SLOT))
		return throw_text(env, -ENOMEM, "memory has run out", "chan_recv_batch");
	for (unsigned i = 0; i < n; i++)
		v[i] = (struct iovec){e->room + (size_t)i * SLOT, SLOT};
	r = chan_recv_batch(e->ch, v, n, 0);
	if (r < 0)
		return result_of(env, r, "chan_recv_batch");
	napi_create_array(env, &array);
	for (int i = 0; i < r; i++) {
		napi_create_buffer_copy(env, v[i].iov_len, v[i].iov_base, NULL, &item);
		napi_set_element(env, array, (uint32_t)i, item);
	}
	return array;
}

/* Bytes of the ring, as an ArrayBuffer that can be detached. */
static napi_value in_place(napi_env env, const void *data, size_t len)
{
	napi_value value;
	void *nothing;

	if (len == 0)
		napi_create_arraybuffer(env, 0, &nothing, &value);
	else
		napi_create_external_arraybuffer(
			env, (void *)(uintptr_t)data, len, NULL, NULL, &value);
	return value;
}

/* take(endpoint): {id, data, seq, attempt}. */
static napi_value take(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[1], object, data, id;
	struct lease *l;
	int r;

	arguments(env, info, arg, 1);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return throw_text(env, -ENOMEM, "memory has run out", "chan_take");
	r = chan_take(e->ch, &l->raw, 1, 0);
	if (r < 0) {
		free(l);
		return result_of(env, r, "chan_take");
	}
	data = in_place(env, l->raw.data, l->raw.len);
	napi_create_reference(env, data, 1, &l->data);
	l->next = e->leases;
	e->leases = l;
	napi_create_object(env, &object);
	napi_create_external(env, l, NULL, NULL, &id);
	napi_set_named_property(env, object, "id", id);
	napi_set_named_property(env, object, "data", data);
	set_number(env, object, "seq", (double)l->raw.seq);
	set_number(env, object, "attempt", l->raw.attempt);
	return object;
}

/* settle(endpoint, id, how, ns): 0 acknowledge, 1 release, 2 untake, 3 bury; 4 release after ns. */
static napi_value settle(napi_env env, napi_callback_info info)
{
	static int (*const call[])(chan_t *, const struct chan_lease *, unsigned) = {
		chan_ack, chan_release, chan_untake, chan_bury};
	static const char *const name[] = {
		"chan_ack", "chan_release", "chan_untake", "chan_bury", "chan_release_after"};
	struct lease *l, **at;
	struct endpoint *e;
	napi_value arg[4];
	void *id = NULL;
	unsigned how;
	int r;

	arguments(env, info, arg, 4);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	napi_get_value_external(env, arg[1], &id);
	how = (unsigned)number_of(env, arg[2]);
	for (at = &e->leases; *at && *at != id; at = &(*at)->next)
		;
	l = *at;
	if (!l)
		return throw_text(env, -ESTALE, "this message is not held any more", name[how]);
	r = how < 4 ? call[how](e->ch, &l->raw, 1)
		    : chan_release_after(e->ch, &l->raw, 1, (int64_t)number_of(env, arg[3]));
	if (r < 0 && r != -ESTALE)
		return result_of(env, r, name[how]);
	take_back(e, l->data);
	napi_delete_reference(env, l->data);
	*at = l->next;
	free(l);
	return result_of(env, r, name[how]);
}

/* reserve(endpoint, length): an ArrayBuffer, to be written before the next call. */
static napi_value reserve(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[2], data;
	size_t len;
	int r;

	arguments(env, info, arg, 2);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	len = (size_t)number_of(env, arg[1]);
	r = chan_reserve(e->ch, &e->loan, len, 0);
	if (r < 0)
		return result_of(env, r, "chan_reserve");
	data = in_place(env, e->loan, len);
	napi_create_reference(env, data, 1, &e->loaned);
	return data;
}

/* commit(endpoint, length): -1 aborts. */
static napi_value commit(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[2];
	double len;
	int r = 0;

	arguments(env, info, arg, 2);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	len = number_of(env, arg[1]);
	end_loan(e);
	if (len >= 0)
		r = chan_commit(e->ch, (size_t)len);
	if (len < 0 || r == -EINVAL)
		chan_abort(e->ch);
	return result_of(env, r, "chan_commit");
}

/* peek(endpoint, cursor): {data, seq, attempt, leased}.  The cursor is a Buffer. */
static napi_value peek(napi_env env, napi_callback_info info)
{
	napi_value arg[2], object, data, leased;
	ssize_t n = -EMSGSIZE;
	struct chan_cursor at;
	struct endpoint *e;
	size_t size = 16384, len = 0;
	void *cursor;

	arguments(env, info, arg, 2);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	napi_get_buffer_info(env, arg[1], &cursor, &len);
	if (len != sizeof(at))
		return throw_text(env, -EINVAL, "this is no cursor", "chan_peek");
	memcpy(&at, cursor, sizeof(at));
	while (n == -EMSGSIZE) {
		if (!make_room(e, size))
			return throw_text(env, -ENOMEM, "memory has run out", "chan_peek");
		n = chan_peek(e->ch, e->room, e->size, &at);
		if (n == -EMSGSIZE)
			size = chan_error_size((int)n);
	}
	if (n < 0)
		return result_of(env, n, "chan_peek");
	memcpy(cursor, &at, sizeof(at));
	napi_create_object(env, &object);
	napi_create_buffer_copy(env, (size_t)n, e->room, NULL, &data);
	napi_set_named_property(env, object, "data", data);
	set_number(env, object, "seq", (double)at.seq);
	set_number(env, object, "attempt", at.attempt);
	napi_get_boolean(env, at.flags & CHAN_IS_LEASED, &leased);
	napi_set_named_property(env, object, "leased", leased);
	return object;
}

/* ---- sets ---- */

/* As an endpoint: destroyed when it has left the loop, freed when it is forgotten, too. */
struct set {
	chan_set_t *set;
	struct watch watch;
	bool leaving, in_loop, forgotten;
	napi_cleanup cleanup;
};

static void end_set(struct set *s)
{
	if (!s->leaving || s->in_loop)
		return;
	if (s->set) {
		chan_set_destroy(s->set);
		s->set = NULL;
		napi_remove_async_cleanup_hook(s->cleanup);
	}
	if (s->forgotten)
		free(s);
}

static void set_unwatched(void *owner)
{
	struct set *s = owner;

	s->in_loop = false;
	end_set(s);
}

static void leave_set(struct set *s)
{
	if (s->leaving)
		return;
	s->leaving = true;
	s->in_loop = unwatch_for_good(&s->watch);
	end_set(s);
}

static void clean_up_set(napi_cleanup handle, void *data)
{
	(void)handle;
	leave_set(data);
}

static void forget_set(napi_env env, void *data, void *hint)
{
	struct set *s = data;

	(void)env;
	(void)hint;
	s->forgotten = true;
	if (s->leaving)
		end_set(s);
	else
		leave_set(s);
}

/* The set of a call's first argument, or NULL with an exception. */
static struct set *set_of(napi_env env, napi_value value)
{
	void *s = NULL;

	if (napi_get_value_external(env, value, &s) != 0 || ((struct set *)s)->leaving) {
		throw_text(env, -ENOTCONN, "the set is closed", "shmchan");
		return NULL;
	}
	return s;
}

/* setCreate() */
static napi_value set_create(napi_env env, napi_callback_info info)
{
	struct set *s = calloc(1, sizeof(*s));
	napi_value value;
	int r;

	(void)info;
	if (!s)
		return throw_text(env, -ENOMEM, "memory has run out", "chan_set_create");
	r = chan_set_create(&s->set);
	if (r < 0) {
		free(s);
		return result_of(env, r, "chan_set_create");
	}
	s->watch = (struct watch){.env = env, .gone = set_unwatched, .owner = s};
	napi_add_async_cleanup_hook(env, clean_up_set, s, &s->cleanup);
	napi_create_external(env, s, forget_set, NULL, &value);
	return value;
}

/* setClose(set) */
static napi_value set_close(napi_env env, napi_callback_info info)
{
	napi_value arg[1];
	void *s = NULL;

	arguments(env, info, arg, 1);
	if (napi_get_value_external(env, arg[0], &s) == 0)
		leave_set(s);
	return NULL;
}

/* setAdd(set, endpoint, role, number): setWait() returns the number. */
static napi_value set_add(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[4];
	struct set *s;
	uintptr_t id;
	int r;

	arguments(env, info, arg, 4);
	s = set_of(env, arg[0]);
	e = s ? endpoint_of(env, arg[1]) : NULL;
	if (!e)
		return NULL;
	id = (uintptr_t)number_of(env, arg[3]);
	r = chan_set_add(s->set, e->ch, (unsigned)number_of(env, arg[2]), (void *)id);
	return result_now(env, r, "chan_set_add");
}

/* setRemove(set, endpoint, role) */
static napi_value set_remove(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[3];
	struct set *s;
	int r;

	arguments(env, info, arg, 3);
	s = set_of(env, arg[0]);
	e = s ? endpoint_of(env, arg[1]) : NULL;
	if (!e)
		return NULL;
	r = chan_set_remove(s->set, e->ch, (unsigned)number_of(env, arg[2]));
	return result_now(env, r, "chan_set_remove");
}

/* setWait(set): the numbers of members that are ready, 64 at most. */
static napi_value set_wait(napi_env env, napi_callback_info info)
{
	struct chan_ready ready[64];
	napi_value arg[1], array;
	struct set *s;
	int r;

	arguments(env, info, arg, 1);
	s = set_of(env, arg[0]);
	if (!s)
		return NULL;
	r = chan_set_wait(s->set, ready, 64, 0);
	if (r < 0) /* a send to a rendezvous that is being interrupted is soon over */
		return result_of(env, r == -EINTR ? -EBUSY : r, "chan_set_wait");
	napi_create_array(env, &array);
	for (int i = 0; i < r; i++)
		napi_set_element(
			env, array, (uint32_t)i, number(env, (double)(uintptr_t)ready[i].data));
	return array;
}

/* setWatch(set, callback), setUnwatch(set): as of an endpoint */
static napi_value set_watch(napi_env env, napi_callback_info info)
{
	napi_value arg[2];
	struct set *s;

	arguments(env, info, arg, 2);
	s = set_of(env, arg[0]);
	if (!s)
		return NULL;
	return result_of(env, begin_watch(&s->watch, chan_set_fd(s->set), arg[1]), "chan_set_fd");
}

static napi_value set_unwatch(napi_env env, napi_callback_info info)
{
	napi_value arg[1];
	struct set *s;

	arguments(env, info, arg, 1);
	s = set_of(env, arg[0]);
	if (s && s->watch.poll)
		uv_poll_stop(s->watch.poll);
	return NULL;
}

/* ---- the rest ---- */

static napi_value close_channel(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[2];

	arguments(env, info, arg, 2);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	return result_of(env, chan_close(e->ch, (unsigned)number_of(env, arg[1])), "chan_close");
}

static napi_value set_overflow(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[2];

	arguments(env, info, arg, 2);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	return result_of(env, chan_set_overflow(e->ch, (unsigned)number_of(env, arg[1])),
		"chan_set_overflow");
}

/* pause(endpoint, on) */
static napi_value pause_channel(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[2];

	arguments(env, info, arg, 2);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	return result_of(env, chan_pause(e->ch, number_of(env, arg[1]) != 0), "chan_pause");
}

static napi_value get_stat(napi_env env, napi_callback_info info)
{
	struct chan_stat s = {.size = sizeof(s)};
	struct endpoint *e;
	napi_value arg[1], object;
	int r;

	arguments(env, info, arg, 1);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	r = chan_stat(e->ch, &s);
	if (r < 0)
		return result_of(env, r, "chan_stat");
	napi_create_object(env, &object);
#define FIGURE(name, member) set_number(env, object, name, (double)s.member)
	FIGURE("flags", flags);
	FIGURE("capacity", capacity);
	FIGURE("used", used);
	FIGURE("depth", depth);
	FIGURE("sent", sent);
	FIGURE("received", received);
	FIGURE("droppedNewest", dropped_newest);
	FIGURE("droppedOldest", dropped_oldest);
	FIGURE("droppedLeased", dropped_leased);
	FIGURE("redelivered", redelivered);
	FIGURE("recoveries", recoveries);
	FIGURE("bytes", bytes);
	FIGURE("segment", segment);
	FIGURE("created", created / 1000000); /* ms, as a Date's */
	FIGURE("linger", linger);
	FIGURE("maxMessage", max_message);
	FIGURE("overflow", overflow);
	FIGURE("mode", mode);
	FIGURE("uid", uid);
	FIGURE("gid", gid);
	FIGURE("lifetime", lifetime);
	FIGURE("kind", kind);
	FIGURE("endpoints", endpoints);
	FIGURE("senders", senders);
	FIGURE("receivers", receivers);
	FIGURE("closed", closed);
	FIGURE("damaged", damaged);
	FIGURE("removed", removed);
	FIGURE("full", full);
	FIGURE("paused", paused);
	FIGURE("type", type);
	FIGURE("kept", kept);
	FIGURE("lost", lost);
	FIGURE("evicted", evicted);
	FIGURE("patience", patience);
	FIGURE("onLag", on_lag);
	FIGURE("maxGroups", max_groups);
	FIGURE("startCapacity", start_capacity);
	FIGURE("maxCapacity", max_capacity);
	FIGURE("peakCapacity", peak_capacity);
	FIGURE("grown", grown);
	FIGURE("grownAt", grown_at / 1000000);
	FIGURE("grownBy", grown_by);
	FIGURE("grownWhy", grown_why);
	FIGURE("growError", grow_error);
	return object;
}

static napi_value get_endpoints(napi_env env, napi_callback_info info)
{
	struct chan_endpoint all[64], *at = all;
	napi_value arg[1], array, object;
	struct endpoint *e;
	int n;

	arguments(env, info, arg, 1);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	n = chan_endpoints(e->ch, all, 64);
	if (n > 64) {
		at = calloc((size_t)n, sizeof(*at));
		if (!at)
			return throw_text(env, -ENOMEM, "memory has run out", "chan_endpoints");
		int more = chan_endpoints(e->ch, at, (unsigned)n);

		n = more < n ? more : n;
	}
	if (n < 0)
		return result_of(env, n, "chan_endpoints");
	napi_create_array(env, &array);
	for (int i = 0; i < n; i++) {
		napi_create_object(env, &object);
		set_number(env, object, "id", at[i].id);
		set_number(env, object, "roles", at[i].roles);
		set_number(env, object, "pid", at[i].pid);
		set_number(env, object, "uid", at[i].uid);
		set_number(env, object, "attached", (double)(at[i].attached / 1000000));
		set_number(env, object, "waiting", (double)at[i].waiting);
		napi_set_named_property(env, object, "command", string(env, at[i].command));
		napi_set_element(env, array, (uint32_t)i, object);
	}
	if (at != all)
		free(at);
	return array;
}

static napi_value get_subscribers(napi_env env, napi_callback_info info)
{
	struct chan_subscriber few[64], *at = few;
	napi_value arg[1], array, object;
	struct endpoint *e;
	int n;

	arguments(env, info, arg, 1);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	n = chan_subscribers(e->ch, few, 64);
	if (n > 64) {
		at = calloc((size_t)n, sizeof(*at));
		if (!at)
			return throw_text(env, -ENOMEM, "memory has run out", "chan_subscribers");
		int more = chan_subscribers(e->ch, at, (unsigned)n);

		n = more < n ? more : n;
	}
	if (n < 0)
		return result_of(env, n, "chan_subscribers");
	napi_create_array(env, &array);
	for (int i = 0; i < n; i++) {
		napi_create_object(env, &object);
		set_number(env, object, "state", at[i].state);
		set_number(env, object, "onLag", at[i].on_lag);
		set_number(env, object, "id", at[i].id);
		set_number(env, object, "pid", at[i].pid);
		set_number(env, object, "seq", (double)at[i].seq);
		set_number(env, object, "lag", (double)at[i].lag);
		set_number(env, object, "lagBytes", (double)at[i].lag_bytes);
		set_number(env, object, "lost", (double)at[i].lost);
		set_number(env, object, "patience", (double)at[i].patience);
		set_number(env, object, "groupAge", (double)at[i].group_age);
		napi_set_named_property(env, object, "group", string(env, at[i].group));
		napi_set_element(env, array, (uint32_t)i, object);
	}
	if (at != few)
		free(at);
	return array;
}

/* removeGroup(endpoint, group) */
static napi_value remove_group(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[2];
	char group[64] = "";
	size_t len;

	arguments(env, info, arg, 2);
	e = endpoint_of(env, arg[0]);
	if (!e)
		return NULL;
	napi_get_value_string_utf8(env, arg[1], group, sizeof(group), &len);
	return result_now(env, chan_remove_group(e->ch, group), "chan_remove_group");
}

struct names {
	napi_env env;
	napi_value array;
	uint32_t n;
};

static int add_name(const char *name, void *arg)
{
	struct names *names = arg;

	napi_set_element(names->env, names->array, names->n++, string(names->env, name));
	return 0;
}

static napi_value list(napi_env env, napi_callback_info info)
{
	struct names names = {.env = env};
	int r;

	(void)info;
	napi_create_array(env, &names.array);
	r = chan_list(add_name, &names);
	return r < 0 ? result_of(env, r, "chan_list") : names.array;
}

static napi_value footprint(napi_env env, napi_callback_info info)
{
	struct job j = {0};
	napi_value arg[1];

	arguments(env, info, arg, 1);
	options_of(env, arg[0], &j);
	return result_of(env, chan_footprint(j.has_opt ? &j.opt : NULL), "chan_footprint");
}

static napi_value version(napi_env env, napi_callback_info info)
{
	(void)info;
	return string(env, chan_version());
}

/* Node looks for these two names. */
__attribute__((visibility("default"))) int32_t node_api_module_get_api_version_v1(void);
__attribute__((visibility("default"))) napi_value napi_register_module_v1(
	napi_env env, napi_value exports);

int32_t node_api_module_get_api_version_v1(void)
{
	return 8;
}

napi_value napi_register_module_v1(napi_env env, napi_value exports)
{
	static const struct {
		const char *name;
		napi_callback function;
	} all[] = {
		{"named", named},
		{"job", endpoint_job},
		{"interrupt", interrupt},
		{"detach", detach},
		{"watch", watch},
		{"unwatch", unwatch},
		{"send", send_message},
		{"recv", receive},
		{"sendMeta", send_meta},
		{"recvMeta", receive_meta},
		{"leaseMeta", lease_meta},
		{"request", request},
		{"response", response},
		{"cancel", cancel},
		{"reply", reply},
		{"wanted", wanted},
		{"sendBatch", send_batch},
		{"recvBatch", recv_batch},
		{"take", take},
		{"settle", settle},
		{"reserve", reserve},
		{"commit", commit},
		{"peek", peek},
		{"setCreate", set_create},
		{"setClose", set_close},
		{"setAdd", set_add},
		{"setRemove", set_remove},
		{"setWait", set_wait},
		{"setWatch", set_watch},
		{"setUnwatch", set_unwatch},
		{"close", close_channel},
		{"setOverflow", set_overflow},
		{"pause", pause_channel},
		{"stat", get_stat},
		{"endpoints", get_endpoints},
		{"subscribers", get_subscribers},
		{"removeGroup", remove_group},
		{"list", list},
		{"footprint", footprint},
		{"version", version},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		napi_value function;

		napi_create_function(
			env, all[i].name, NAPI_AUTO_LENGTH, all[i].function, NULL, &function);
		napi_set_named_property(env, exports, all[i].name, function);
	}
	return exports;
}
