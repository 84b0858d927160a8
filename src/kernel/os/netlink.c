// SPDX-License-Identifier: GPL-2.0-or-later
// netlink: one socket, dumps, and batches that the kernel takes whole or not at all.
#include "os/netlink.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/netfilter/nfnetlink.h>

#include "base/exhaustion.h"

/*
 * Theory of operation
 *
 * The kernel works on a batch inside sendmsg(2): when that returns, the transaction is committed
 * or aborted, and all answers are in the socket's queue. So they are read without waiting. There
 * is an answer for each refused message, and one for a failed commit that carries the sequence
 * number of the batch's first message. Only the last real message asks for an acknowledgement, so
 * that a large batch can't overflow the queue with successes.
 */

#define RECEIVE_SIZE ((size_t)64 << 10)
#define RECEIVE_ROOM (1 << 20)

/* MNL_ALIGN() for sizes. */
static size_t aligned(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

int netlink_open(struct netlink *netlink, int protocol)
{
	int one = 1, room = RECEIVE_ROOM;

	*netlink = (struct netlink){.socket = mnl_socket_open2(protocol, SOCK_CLOEXEC)};
	if (!netlink->socket)
		return -errno;
	if (mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int err = errno;

		netlink_close(netlink);
		return -err;
	}
	/* An old kernel without these answers less, but answers. */
	(void)mnl_socket_setsockopt(netlink->socket, NETLINK_EXT_ACK, &one, sizeof(one));
	(void)mnl_socket_setsockopt(netlink->socket, NETLINK_CAP_ACK, &one, sizeof(one));
	(void)setsockopt(mnl_socket_get_fd(netlink->socket), SOL_SOCKET, SO_RCVBUF, &room,
			 sizeof(room));
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	netlink->socket = NULL;
}

int netlink_request(struct netlink *netlink, struct nlmsghdr *request, mnl_cb_t callback,
		    void *data)
{
	uint8_t answer[RECEIVE_SIZE] __attribute__((aligned(8)));
	bool interrupted = false, once = !(request->nlmsg_flags & NLM_F_DUMP);
	ssize_t len;
	int more;

	request->nlmsg_seq = ++netlink->seq;
	do {
		len = mnl_socket_sendto(netlink->socket, request, request->nlmsg_len);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	do {
		do {
			len = mnl_socket_recvfrom(netlink->socket, answer, sizeof(answer));
		} while (len < 0 && errno == EINTR);
		if (len < 0)
			return -errno;
		errno = 0;
		more = mnl_cb_run(answer, (size_t)len, netlink->seq,
				  mnl_socket_get_portid(netlink->socket), callback, data);
		/* The rest of an interrupted dump must leave the queue before the next request. */
		if (more < 0 && errno == EINTR && !once) {
			const struct nlmsghdr *last = (const struct nlmsghdr *)answer;
			int rest = (int)len;

			interrupted = true;
			more = 1;
			for (; mnl_nlmsg_ok(last, rest); last = mnl_nlmsg_next(last, &rest))
				if (last->nlmsg_type == NLMSG_DONE)
					more = 0;
		}
		if (more < 0)
			return errno ? -errno : -EPROTO;
	} while (more > 0 && !once);
	return interrupted ? -EINTR : 0;
}

const struct nlattr *netlink_find(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr;

	if (nest)
		netlink_for_each_nested(attr,
					nest) if (mnl_attr_get_type(attr) == type) return attr;
	return NULL;
}

const char *netlink_text(const struct nlattr *attr)
{
	return attr && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 ? mnl_attr_get_str(attr)
									 : NULL;
}

uint32_t netlink_be32(const struct nlattr *attr, uint32_t otherwise)
{
	return attr && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0 ? ntohl(mnl_attr_get_u32(attr))
								  : otherwise;
}

uint64_t netlink_be64(const struct nlattr *attr, uint64_t otherwise)
{
	return attr && mnl_attr_validate(attr, MNL_TYPE_U64) >= 0 ? be64toh(mnl_attr_get_u64(attr))
								  : otherwise;
}

const char *netlink_find_text(const struct nlattr *nest, uint16_t type)
{
	return netlink_text(netlink_find(nest, type));
}

bool netlink_find_be32(const struct nlattr *nest, uint16_t type, uint32_t *out)
{
	const struct nlattr *attr = netlink_find(nest, type);

	if (!attr || mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
		return false;
	*out = ntohl(mnl_attr_get_u32(attr));
	return true;
}

bool netlink_is(const struct nlattr *attr, const char *text)
{
	const char *held = netlink_text(attr);

	return held && strcmp(held, text) == 0;
}

/* Batches. */

void batch_free(struct batch *batch)
{
	free(batch->data);
	free(batch->offsets);
	*batch = (struct batch){0};
}

static void *grown(void *memory, size_t *cap, size_t need, size_t size)
{
	size_t wanted = *cap ? *cap : 64;

	while (wanted < need)
		wanted *= 2;
	if (wanted == *cap)
		return memory;
	memory = reallocarray(memory, wanted, size);
	if (!memory)
		arena_exhausted();
	*cap = wanted;
	return memory;
}

struct nlmsghdr *batch_start(struct batch *batch, uint16_t type, uint16_t flags, uint8_t family,
			     uint16_t res_id, size_t payload)
{
	struct nlmsghdr *message;
	struct nfgenmsg *header;
	size_t need = aligned(sizeof(*message) + sizeof(*header) + payload);

	batch->data = grown(batch->data, &batch->cap, batch->len + need, 1);
	batch->offsets =
		grown(batch->offsets, &batch->cap_offsets, batch->n + 1, sizeof(*batch->offsets));
	batch->offsets[batch->n] = batch->len;
	/* libmnl leaves the bytes that pad an attribute as they are. */
	memset(batch->data + batch->len, 0, need);
	message = mnl_nlmsg_put_header(batch->data + batch->len);
	message->nlmsg_type = type;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	header->res_id = htons(res_id);
	return message;
}

const struct nlmsghdr *batch_message(const struct batch *batch, size_t idx)
{
	return (const struct nlmsghdr *)(const void *)(batch->data + batch->offsets[idx]);
}

void batch_commit(struct batch *batch)
{
	batch->len += aligned(batch_message(batch, batch->n)->nlmsg_len);
	batch->n++;
}

struct answers {
	const struct batch *batch;
	uint32_t first_seq;
	refusal_fn refused;
	void *data;
	int err; /* of the first refusal */
	bool acknowledged;
};

static int collect_ext_ack(const struct nlattr *attr, void *data)
{
	struct refusal *refusal = data;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
		refusal->text = netlink_text(attr);
	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_OFFS &&
	    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
		refusal->offset = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static void take_answer(struct answers *answers, const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	struct refusal refusal = {0};

	if (message->nlmsg_type != NLMSG_ERROR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*error))
		return;
	refusal.message = error->msg.nlmsg_seq - answers->first_seq;
	refusal.err = -error->error;
	if (refusal.message >= answers->batch->n)
		return;
	if (refusal.err == 0) {
		answers->acknowledged = true;
		return;
	}
	if (message->nlmsg_flags & NLM_F_ACK_TLVS) {
		size_t quoted = sizeof(*error);

		if (!(message->nlmsg_flags & NLM_F_CAPPED))
			quoted += error->msg.nlmsg_len - sizeof(struct nlmsghdr);
		if (quoted <= mnl_nlmsg_get_payload_len(message))
			(void)mnl_attr_parse(message, (unsigned int)quoted, collect_ext_ack,
					     &refusal);
	}
	if (answers->err == 0)
		answers->err = refusal.err;
	answers->refused(&refusal, answers->data);
}

static int read_answers(struct netlink *netlink, struct answers *answers)
{
	uint8_t answer[RECEIVE_SIZE] __attribute__((aligned(8)));
	bool lost = false;

	for (;;) {
		ssize_t len = recv(mnl_socket_get_fd(netlink->socket), answer, sizeof(answer),
				   MSG_DONTWAIT);
		int rest = (int)len;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == ENOBUFS) {
			lost = true;
			continue;
		}
		if (len < 0 && errno == EAGAIN)
			break;
		if (len < 0)
			return -errno;
		for (const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
		     mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest))
			take_answer(answers, message);
	}
	if (answers->err)
		return -answers->err;
	return answers->acknowledged && !lost ? 0 : -ENOBUFS;
}

static void make_room(struct netlink *netlink, size_t len)
{
	int fd = mnl_socket_get_fd(netlink->socket);
	int room = len > INT32_MAX / 4 ? INT32_MAX / 4 : (int)len + (1 << 16);

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
}

int batch_send(struct netlink *netlink, struct batch *batch, refusal_fn refused, void *data)
{
	struct answers answers = {
		.batch = batch, .first_seq = netlink->seq + 1, .refused = refused, .data = data};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct iovec iov = {batch->data, batch->len};
	struct msghdr message = {.msg_name = &kernel,
				 .msg_namelen = sizeof(kernel),
				 .msg_iov = &iov,
				 .msg_iovlen = 1};
	ssize_t sent;

	for (size_t i = 0; i < batch->n; i++) {
		struct nlmsghdr *part =
			(struct nlmsghdr *)(void *)(batch->data + batch->offsets[i]);

		part->nlmsg_seq = ++netlink->seq;
		if (i + 2 == batch->n)
			part->nlmsg_flags |= NLM_F_ACK;
	}
	make_room(netlink, batch->len);
	do {
		sent = sendmsg(mnl_socket_get_fd(netlink->socket), &message, 0);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return read_answers(netlink, &answers);
}

const struct nlattr *message_attr_at(const struct nlmsghdr *message, size_t header_len,
				     uint32_t offset, const uint16_t *path, size_t n_path,
				     size_t *idx)
{
	const uint8_t *base = (const uint8_t *)message;
	const uint8_t *pos = base + sizeof(*message) + aligned(header_len);
	const uint8_t *end = base + message->nlmsg_len;
	const struct nlattr *found = NULL;

	if (offset >= message->nlmsg_len)
		return NULL;
	for (size_t depth = 0; depth < n_path; depth++) {
		size_t before = 0;

		found = NULL;
		while (pos < end) {
			const struct nlattr *attr = (const struct nlattr *)(const void *)pos;

			if (!mnl_attr_ok(attr, (int)(end - pos)))
				return NULL;
			if (mnl_attr_get_type(attr) == path[depth]) {
				if (base + offset >= pos && base + offset < pos + attr->nla_len) {
					found = attr;
					break;
				}
				before++;
			}
			pos += aligned(attr->nla_len);
		}
		if (!found)
			return NULL;
		end = pos + found->nla_len;
		pos = mnl_attr_get_payload(found);
		if (idx)
			*idx = before;
	}
	return found;
}
