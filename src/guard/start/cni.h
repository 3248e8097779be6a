/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads what a container runtime asks of a CNI plugin, and composes the answers, by the Container
 * Network Interface Specification 0.3.0 to 1.1.0. Pure: text in, JSON out; guard/start/start.h does
 * what is asked.
 */
#ifndef TRUESUM_GUARD_START_CNI_H
#define TRUESUM_GUARD_START_CNI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CNI_DEVICES_MAX 64
#define CNI_VERSION_SIZE 16

enum cni_command { CNI_ADD, CNI_CHECK, CNI_DEL, CNI_VERSION, CNI_STATUS, CNI_GC, CNI_COMMANDS };

/* Error codes: below 100 the specification's, the others truesum's. */
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
	CNI_NOT_RECORDED = 101, /* CHECK: there is no record of an ADD */
	CNI_CANNOT_PROTECT = 102,
};

struct cni_error {
	enum cni_code code;
	char msg[240], details[480]; /* details may be empty */
	char version[CNI_VERSION_SIZE]; /* the configuration's if it is known, else the latest */
};

/* Values of environment variables; NULL: not set. */
struct cni_environment {
	const char *command, *container_id, *netns, *ifname;
};

/* Its strings belong to the environment and to `config`. */
struct cni_request {
	enum cni_command command;
	/* Checked, so that they can be part of a file's name. NULL for VERSION, STATUS and GC. */
	const char *container_id, *ifname;
	const char *netns; /* a path; may be NULL for DEL */
	const char *network; /* the configuration's name; checked like container_id */
	const char *version;
	uint32_t ordered; /* MITIGATION_BIT()s; 0: "auto", as the host's policy says */
	const json_t *previous; /* prevResult; set for ADD and CHECK, may be set for DEL */
	const json_t *valid; /* for GC: array of {containerID, ifname} */
	json_t *config; /* owned; the two above are parts of it */
};

/*
 * Reads a request; `text` comes from standard input. 0, or -EINVAL with the error to answer.
 * *ret_request: cni_request_release().
 */
int cni_parse(const struct cni_environment *environment, const char *text, size_t len,
	      struct cni_request *ret_request, struct cni_error *ret_error);
void cni_request_release(struct cni_request *request);

/*
 * Whether the configuration has "failOpen": true, so that a failure of this call is only to be
 * warned of: the container starts. *ret_answer: what to answer then, NULL for nothing; the
 * caller's. `acted`: the request was understood. A DEL or GC that was understood and failed is not
 * open: the runtime calls again. Nor is an ADD without a result to pass on.
 */
bool cni_is_open(const struct cni_environment *environment, const char *text, size_t len,
		 bool acted, json_t **ret_answer);

/* Whether GC must keep the attachment. */
bool cni_is_valid(const struct cni_request *request, const char *container_id, const char *ifname);

/*
 * Lists the container's devices: the interfaces of prevResult that are in a sandbox, each once; if
 * there are none, CNI_IFNAME. Returns how many.
 */
size_t cni_devices(const struct cni_request *request, const char *ret_name[CNI_DEVICES_MAX]);

/* Fills an error's code and message, which is cut if it is too long, and empties its details. */
void cni_fail(struct cni_error *error, enum cni_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The answer to print: the error if it is not NULL, else the result of ADD (prevResult, in the form
 * of its version) or of VERSION. A new reference; NULL: out of memory.
 */
json_t *cni_compose(const struct cni_request *request, const struct cni_error *error);

#endif
