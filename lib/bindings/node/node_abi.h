/* SPDX-License-Identifier: MIT */
/*
 * What the addon uses of Node: the parts of Node-API (version 8) and of libuv 1 whose binary
 * interface those projects keep stable.  They are declared here, so that it can be compiled
 * where the headers of Node are not installed.  Statuses and types are numbers; a libuv
 * handle is memory of uv_handle_size() bytes.
 */
#ifndef SHMCHAN_NODE_ABI_H
#define SHMCHAN_NODE_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_ref__ *napi_ref;
typedef struct napi_deferred__ *napi_deferred;
typedef struct napi_handle_scope__ *napi_handle_scope;
typedef struct napi_async_work__ *napi_async_work;
typedef struct napi_async_cleanup_hook_handle__ *napi_cleanup;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env env, napi_callback_info info);
typedef void (*napi_finalize)(napi_env env, void *data, void *hint);

#define NAPI_AUTO_LENGTH SIZE_MAX
enum { NAPI_UNDEFINED = 0, NAPI_NULL = 1 };

int napi_get_cb_info(napi_env env, napi_callback_info info, size_t *n, napi_value *argv,
	napi_value *this, void **data);
int napi_typeof(napi_env env, napi_value value, int *type);
int napi_get_undefined(napi_env env, napi_value *ret);
int napi_get_global(napi_env env, napi_value *ret);
int napi_get_boolean(napi_env env, bool value, napi_value *ret);
int napi_create_int32(napi_env env, int32_t value, napi_value *ret);
int napi_create_double(napi_env env, double value, napi_value *ret);
int napi_create_string_utf8(napi_env env, const char *s, size_t len, napi_value *ret);
int napi_create_object(napi_env env, napi_value *ret);
int napi_create_array(napi_env env, napi_value *ret);
int napi_create_error(napi_env env, napi_value code, napi_value message, napi_value *ret);
int napi_create_external(napi_env env, void *data, napi_finalize f, void *hint, napi_value *ret);
int napi_create_buffer(napi_env env, size_t len, void **data, napi_value *ret);
int napi_create_buffer_copy(
	napi_env env, size_t len, const void *from, void **data, napi_value *ret);
int napi_create_arraybuffer(napi_env env, size_t len, void **data, napi_value *ret);
int napi_create_external_arraybuffer(
	napi_env env, void *data, size_t len, napi_finalize f, void *hint, napi_value *ret);
int napi_detach_arraybuffer(napi_env env, napi_value arraybuffer);
int napi_create_function(
	napi_env env, const char *name, size_t len, napi_callback f, void *data, napi_value *ret);
int napi_create_reference(napi_env env, napi_value value, uint32_t n, napi_ref *ret);
int napi_delete_reference(napi_env env, napi_ref ref);
int napi_get_reference_value(napi_env env, napi_ref ref, napi_value *ret);
int napi_get_value_int32(napi_env env, napi_value value, int32_t *ret);
int napi_get_value_uint32(napi_env env, napi_value value, uint32_t *ret);
int napi_get_value_double(napi_env env, napi_value value, double *ret);
int napi_get_value_string_utf8(napi_env env, napi_value value, char *buf, size_t size, size_t *len);
int napi_get_value_external(napi_env env, napi_value value, void **ret);
int napi_get_buffer_info(napi_env env, napi_value value, void **data, size_t *len);
int napi_get_named_property(napi_env env, napi_value object, const char *name, napi_value *ret);
int napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value);
int napi_get_array_length(napi_env env, napi_value array, uint32_t *ret);
int napi_get_element(napi_env env, napi_value array, uint32_t i, napi_value *ret);
int napi_set_element(napi_env env, napi_value array, uint32_t i, napi_value value);
int napi_throw(napi_env env, napi_value error);
int napi_throw_type_error(napi_env env, const char *code, const char *message);
int napi_create_promise(napi_env env, napi_deferred *deferred, napi_value *promise);
int napi_resolve_deferred(napi_env env, napi_deferred deferred, napi_value value);
int napi_reject_deferred(napi_env env, napi_deferred deferred, napi_value error);
int napi_open_handle_scope(napi_env env, napi_handle_scope *ret);
int napi_close_handle_scope(napi_env env, napi_handle_scope scope);
int napi_make_callback(napi_env env, void *context, napi_value this, napi_value f, size_t n,
	const napi_value *argv, napi_value *ret);
int napi_create_async_work(napi_env env, napi_value resource, napi_value name,
	void (*execute)(napi_env env, void *data),
	void (*complete)(napi_env env, int status, void *data), void *data, napi_async_work *ret);
int napi_queue_async_work(napi_env env, napi_async_work work);
int napi_delete_async_work(napi_env env, napi_async_work work);
int napi_add_async_cleanup_hook(
	napi_env env, void (*hook)(napi_cleanup handle, void *data), void *data, napi_cleanup *ret);
int napi_remove_async_cleanup_hook(napi_cleanup handle);

typedef struct uv_loop_s uv_loop_t;
int napi_get_uv_event_loop(napi_env env, uv_loop_t **ret);

enum { UV_POLL = 8, UV_READABLE = 1 };

size_t uv_handle_size(int type);
void *uv_handle_get_data(const void *handle);
void uv_handle_set_data(void *handle, void *data);
int uv_poll_init(uv_loop_t *loop, void *poll, int fd);
int uv_poll_start(void *poll, int events, void (*f)(void *poll, int status, int events));
int uv_poll_stop(void *poll);
void uv_close(void *handle, void (*f)(void *handle));

#endif
