// SPDX-License-Identifier: GPL-2.0-or-later
// netlink: one socket, dumps, and batches that the kernel takes whole or not at all.
#ifndef OS_NETLINK_H
#define OS_NETLINK_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netlink {
	struct mnl_socket *socket;
	uint32_t seq; /**< of the last message sent */
};

/** Opens a socket of the protocol (NETLINK_NETFILTER, NETLINK_ROUTE). Returns 0 or -errno. */
int netlink_open(struct netlink *netlink, int protocol);

/** Closes it. Usable as a cleanup attribute's function, also on a zeroed struct. */
void netlink_close(struct netlink *netlink);

/**
 * Sends one request and hands every message of the answer to callback, until the dump or the
 * single answer is complete. Returns 0, -EINTR when the kernel says that the data changed while
 * it was dumped (ask again), or another -errno: the kernel's answer, or the callback's errno.
 */
int netlink_request(struct netlink *netlink, struct nlmsghdr *request, mnl_cb_t callback,
		    void *data);

/** Room for any message that netlink_request() sends; to be zeroed, since attributes are padded. */
#define NETLINK_REQUEST_SIZE 512

/** Most bytes of attributes that are put into a nest of a batch's message: its length has 16 bits.
 */
#define NETLINK_NEST_MAX 60000u

/** mnl_attr_for_each_nested() and mnl_attr_for_each(), without their narrowing conversions. */
#define netlink_attr_left(attr, end) ((int)((const char *)(end) - (const char *)(attr)))
#define netlink_for_each_nested(attr, nest)                                                        \
	for (attr = mnl_attr_get_payload(nest);                                                    \
	     mnl_attr_ok(attr, netlink_attr_left(attr, (const char *)mnl_attr_get_payload(nest) +  \
							       mnl_attr_get_payload_len(nest)));   \
	     attr = mnl_attr_next(attr))
#define netlink_for_each(attr, message, header_len)                                                \
	for (attr = mnl_nlmsg_get_payload_offset(message, header_len);                             \
	     mnl_attr_ok(attr, netlink_attr_left(attr, mnl_nlmsg_get_payload_tail(message)));      \
	     attr = mnl_attr_next(attr))

/** Returns the first attribute of the type in the nest, or NULL; also when nest is NULL. */
const struct nlattr *netlink_find(const struct nlattr *nest, uint16_t type);

/**
 * What an attribute holds; NULL, or otherwise, when it is NULL or of another kind. be: in network
 * order, as netfilter has numbers.
 */
const char *netlink_text(const struct nlattr *attr);
uint32_t netlink_be32(const struct nlattr *attr, uint32_t otherwise);
uint64_t netlink_be64(const struct nlattr *attr, uint64_t otherwise);

/** Likewise for the first of the type in the nest. Without one *out stays, and it is false. */
const char *netlink_find_text(const struct nlattr *nest, uint16_t type);
bool netlink_find_be32(const struct nlattr *nest, uint16_t type, uint32_t *out);

/** Tells whether it holds this text. */
bool netlink_is(const struct nlattr *attr, const char *text);

/** Messages in one buffer. Initialise with {0}; free with batch_free(). */
struct batch {
	uint8_t *data; /**< owned */
	size_t len, cap;
	size_t *offsets; /**< of each message in data; owned */
	size_t n, cap_offsets;
	size_t open; /**< offset of the message that is being written */
};

/** Frees the memory. Usable as a cleanup attribute's function. */
void batch_free(struct batch *batch);

/**
 * Starts a message of the nfnetlink family with room for payload bytes of attributes. The pointer
 * is valid until batch_commit(), which must follow.
 */
struct nlmsghdr *batch_start(struct batch *batch, uint16_t type, uint16_t flags, uint8_t family,
			     uint16_t res_id, size_t payload);

/** Ends the message of batch_start(). */
void batch_commit(struct batch *batch);

/** A message that the kernel refused. */
struct refusal {
	size_t message;	  /**< index in the batch */
	int err;	  /**< errno */
	uint32_t offset;  /**< of the culprit attribute in the message; 0: not told */
	const char *text; /**< the kernel's words or NULL; valid during the call */
};

typedef void (*refusal_fn)(const struct refusal *refusal, void *data);

/**
 * Sends the batch with one call and reads every answer. Only the last message but the end asks
 * for an acknowledgement. Returns 0 when it came; -ENOBUFS when answers were lost, so that nobody
 * knows; -EMSGSIZE and the like when it could not be sent; else the first refusal's -errno, after
 * refused was called for each one.
 */
int batch_send(struct netlink *netlink, struct batch *batch, refusal_fn refused, void *data);

/** Returns message idx. */
const struct nlmsghdr *batch_message(const struct batch *batch, size_t idx);

/**
 * Finds the attribute that holds the byte at offset of the message, on the path of nested
 * attribute types given; NULL when there is none. idx, if not NULL: how many attributes of the
 * last type precede it in its nest.
 */
const struct nlattr *message_attr_at(const struct nlmsghdr *message, size_t header_len,
				     uint32_t offset, const uint16_t *path, size_t n_path,
				     size_t *idx);

#endif
