/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a container runtime asks of a CNI plugin, and the answers' forms, by the Container Network Interface
 * Specification 0.3.0 to 1.1.0. Pure: texts in, JSON out; what is done about it is in guard/attach.h.
 */
#ifndef TRUESUM_GUARD_START_CNI_H
#define TRUESUM_GUARD_START_CNI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "guard/order.h"

#define CNI_DEVICES_MAX 64
#define CNI_VERSION_SIZE 16

enum cni_command { CNI_ADD, CNI_CHECK, CNI_DEL, CNI_VERSION, CNI_STATUS, CNI_GC, CNI_COMMANDS };

/* Codes of errors: below 100 the specification's, the others ours. */
enum cni_code {
	CNI_INCOMPATIBLE = 1, /* the version */
	CNI_UNSUPPORTED = 2, /* a key's value */
	CNI_NO_CONTAINER = 3,
	CNI_ENVIRONMENT = 4,
	CNI_IO = 5,
	CNI_DECODE = 6,
	CNI_CONFIG = 7,
	CNI_TRY_AGAIN = 11,
	CNI_UNAVAILABLE = 50, /* STATUS: ADD would fail */
	CNI_UNPROTECTED = 100, /* CHECK: what ADD put on is no longer in force */
	CNI_NOT_RECORDED = 101, /* CHECK: nothing is known of an ADD */
	CNI_CANNOT_PROTECT = 102,
};

struct cni_error {
	enum cni_code code;
	char msg[240], details[480]; /* details may be empty */
	char version[CNI_VERSION_SIZE]; /* the configuration's, where it has one that we know */
};

/* Of environment variables; NULL: not set. */
struct cni_environment {
	const char *command, *container_id, *netns, *ifname;
};

/* Texts are the environment's and the configuration's. */
struct cni_request {
	enum cni_command command;
	const char *container_id,
		*ifname; /* checked: they may be part of a file's name; but for VERSION, STATUS, GC */
	const char *netns; /* a path; NULL: DEL may do without */
	const char *network; /* the configuration's name; checked like container_id */
	const char *version;
	struct guard_order order;
	const json_t *previous; /* prevResult; NULL but for ADD and CHECK, where DEL has none */
	const json_t *valid; /* GC: array of {containerID, ifname} */
	json_t *config; /* owns */
};

/*
 * Reads a request; `text` is what standard input had. 0, or -EINVAL with the error to answer.
 * *ret_request: cni_request_release().
 */
int cni_parse(const struct cni_environment *environment, const char *text, size_t len,
	      struct cni_request *ret_request, struct cni_error *ret_error);
void cni_request_release(struct cni_request *request);

/* Whether GC shall keep the attachment. */
bool cni_is_valid(const struct cni_request *request, const char *container_id, const char *ifname);

/*
 * The container's devices by prevResult: interfaces in a sandbox, each once; where it names none, CNI_IFNAME.
 * How many.
 */
size_t cni_devices(const struct cni_request *request, const char *ret_name[CNI_DEVICES_MAX]);

/* Fills an error, and cuts it off where it is too long; msg and details as for printf. */
void cni_fail(struct cni_error *error, enum cni_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void cni_detail(struct cni_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The answers; new references, NULL: out of memory. */
json_t *
cni_compose_result(const struct cni_request *request); /* prevResult, in its version's form */
json_t *cni_compose_versions(const struct cni_request *request);
json_t *cni_compose_error(const struct cni_error *error);

#endif
