/* SPDX-License-Identifier: MIT */
/*
 * Node: what a program in JavaScript needs of the library, and watching a descriptor with
 * the uv_poll_t of Node's own loop.
 *
 *     open(name, role)         an endpoint
 *     receive(endpoint)        a Buffer, or the error, a negative number
 *     send(endpoint, buffer)   0, or the error
 *     watch(endpoint, role, callback), unwatch(endpoint)
 *     close(endpoint), detach(endpoint)
 */
#include <node_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include <shmchan.h>

struct endpoint {
	chan_t *ch;
	uv_poll_t poll;
	bool polled;
	napi_env env;
	napi_ref callback;
};

static void check(napi_env env, napi_status status, const char *what)
{
	if (status == napi_ok || status == napi_pending_exception)
		return;
	(void)env;
	fprintf(stderr, "addon: %s: status %d\n", what, (int)status);
	abort();
}

/* Set argv[0..n-1] to the arguments of a call. */
static void arguments(napi_env env, napi_callback_info info, napi_value *argv, size_t n)
{
	check(env, napi_get_cb_info(env, info, &n, argv, NULL, NULL), "arguments");
}

static struct endpoint *endpoint_of(napi_env env, napi_value value)
{
	void *e;

	check(env, napi_get_value_external(env, value, &e), "not an endpoint");
	return e;
}

static unsigned number_of(napi_env env, napi_value value)
{
	uint32_t n;

	check(env, napi_get_value_uint32(env, value, &n), "not a number");
	return n;
}

static napi_value number(napi_env env, int n)
{
	napi_value value;

	check(env, napi_create_int32(env, n, &value), "number");
	return value;
}

static napi_value open_endpoint(napi_env env, napi_callback_info info)
{
	struct endpoint *e = calloc(1, sizeof(*e));
	napi_value arg[2], value;
	char name[256];
	size_t len;
	int err;

	if (!e)
		abort();
	arguments(env, info, arg, 2);
	check(env, napi_get_value_string_utf8(env, arg[0], name, sizeof(name), &len), "name");
	err = chan_open(&e->ch, name, number_of(env, arg[1]), NULL);
	if (err < 0) {
		free(e);
		napi_throw_error(env, NULL, chan_strerror(err));
		return NULL;
	}
	e->env = env;
	check(env, napi_create_external(env, e, NULL, NULL, &value), "endpoint");
	return value;
}

static napi_value receive(napi_env env, napi_callback_info info)
{
	napi_value arg[1], value;
	char message[64];
	ssize_t len;

	arguments(env, info, arg, 1);
	len = chan_recv(endpoint_of(env, arg[0])->ch, message, sizeof(message), 0);
	if (len < 0)
		return number(env, (int)len);
	check(env, napi_create_buffer_copy(env, (size_t)len, message, NULL, &value), "buffer");
	return value;
}

static napi_value send_message(napi_env env, napi_callback_info info)
{
	napi_value arg[2];
	void *message;
	size_t len;

	arguments(env, info, arg, 2);
	check(env, napi_get_buffer_info(env, arg[1], &message, &len), "not a buffer");
	return number(env, chan_send(endpoint_of(env, arg[0])->ch, message, len, 0));
}

static void ready(uv_poll_t *poll, int status, int events)
{
	struct endpoint *e = poll->data;
	napi_handle_scope scope;
	napi_value callback, global;

	(void)status;
	(void)events;
	check(e->env, napi_open_handle_scope(e->env, &scope), "scope");
	check(e->env, napi_get_reference_value(e->env, e->callback, &callback), "callback");
	check(e->env, napi_get_global(e->env, &global), "global");
	check(e->env, napi_make_callback(e->env, NULL, global, callback, 0, NULL, NULL), "call");
	check(e->env, napi_close_handle_scope(e->env, scope), "scope");
}

static napi_value watch(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[3];
	uv_loop_t *loop;
	int err = 0;

	arguments(env, info, arg, 3);
	e = endpoint_of(env, arg[0]);
	check(env, napi_get_uv_event_loop(env, &loop), "loop");
	if (!e->polled) {
		int fd = chan_fd(e->ch, number_of(env, arg[1]));

		err = fd < 0 ? fd : uv_poll_init(loop, &e->poll, fd);
		check(env, napi_create_reference(env, arg[2], 1, &e->callback), "callback");
		e->poll.data = e;
		e->polled = true;
	}
	if (err == 0)
		err = uv_poll_start(&e->poll, UV_READABLE, ready);
	if (err < 0)
		napi_throw_error(env, NULL, uv_strerror(err));
	return NULL;
}

static napi_value unwatch(napi_env env, napi_callback_info info)
{
	napi_value arg[1];

	arguments(env, info, arg, 1);
	uv_poll_stop(&endpoint_of(env, arg[0])->poll);
	return NULL;
}

static napi_value close_channel(napi_env env, napi_callback_info info)
{
	napi_value arg[1];

	arguments(env, info, arg, 1);
	chan_close(endpoint_of(env, arg[0])->ch, CHAN_DRAIN);
	return NULL;
}

static void closed(uv_handle_t *poll)
{
	struct endpoint *e = poll->data;

	chan_detach(e->ch);
	free(e);
}

/* The descriptor leaves the loop before the endpoint closes it. */
static napi_value detach(napi_env env, napi_callback_info info)
{
	struct endpoint *e;
	napi_value arg[1];

	arguments(env, info, arg, 1);
	e = endpoint_of(env, arg[0]);
	if (e->polled) {
		check(env, napi_delete_reference(env, e->callback), "callback");
		uv_close((uv_handle_t *)&e->poll, closed);
	} else {
		chan_detach(e->ch);
		free(e);
	}
	return NULL;
}

static napi_value init(napi_env env, napi_value exports)
{
	static const struct {
		const char *name;
		napi_callback function;
	} all[] = {
		{"open", open_endpoint},
		{"receive", receive},
		{"send", send_message},
		{"watch", watch},
		{"unwatch", unwatch},
		{"close", close_channel},
		{"detach", detach},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		napi_value function;

		check(env,
			napi_create_function(env, all[i].name, NAPI_AUTO_LENGTH, all[i].function,
				NULL, &function),
			all[i].name);
		check(env, napi_set_named_property(env, exports, all[i].name, function),
			all[i].name);
	}
	return exports;
}

NAPI_MODULE(NODE_GYP_MODULE_NAME, init)
