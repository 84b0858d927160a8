// SPDX-License-Identifier: GPL-2.0-or-later
// wire: sends and captures frames at the wires' other ends, and packets of the host itself.
#include "prove/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "os/scope.h"
#include "prove/links.h"

/*
 * Theory of operation
 *
 * The process runs on one processor, where the kernel works off frames in the order in which they
 * were sent, the frames that they cause included. So when the host answers an ARP request that was
 * sent behind the probes, the canary, all that the probes could cause has been captured. Nobody
 * sleeps; a canary that is not answered is an error and no verdict.
 */

#define PATIENCE_SECONDS 5.0
#define CAPTURE_ROOM (8 << 20)

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int wire_open(struct wire *wire)
{
	int one = 1, room = CAPTURE_ROOM;

	wire->capture =
		socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));
	wire->sender = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (wire->capture < 0 || wire->sender < 0)
		return -errno;
	if (setsockopt(wire->capture, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0)
		return -errno;
	/* In a user namespace the limit of the machine stays; wire_drain() is called often. */
	if (setsockopt(wire->capture, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		(void)setsockopt(wire->capture, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (getrandom(wire->mark, sizeof(wire->mark), 0) != (ssize_t)sizeof(wire->mark))
		return -EIO;
	return 0;
}

int wire_open_host(struct wire *wire)
{
	int one = 1;

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		wire->raw[f] = socket(f == FAMILY_IPV4 ? AF_INET : AF_INET6,
				      SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW);
		/* A kernel without IPv6. */
		if (wire->raw[f] < 0 && f == FAMILY_IPV6 && errno == EAFNOSUPPORT)
			continue;
		if (wire->raw[f] < 0 ||
		    setsockopt(wire->raw[f], SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)) < 0)
			return -errno;
	}
	return 0;
}

void wire_close(struct wire *wire)
{
	scope_close(&wire->capture);
	scope_close(&wire->sender);
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		scope_close(&wire->raw[f]);
}

int wire_send(struct wire *wire, uint32_t port, const struct frame *frame)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)links_wire_index(replica_entry(wire->list->replica, port)),
	};
	ssize_t sent;

	do {
		sent = sendto(wire->sender, frame->bytes, frame->len, 0, (struct sockaddr *)&to,
			      sizeof(to));
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

int wire_send_own(struct wire *wire, uint32_t port, const struct probe *probe,
		  const struct frame *frame)
{
	const struct replica *r = wire->list->replica;
	const char *name = r->links[replica_top(r, port)].name;
	int fd = wire->raw[probe->family];
	struct sockaddr_in to4 = {.sin_family = AF_INET};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
	bool v4 = probe->family == FAMILY_IPV4;
	ssize_t sent;

	memcpy(&to4.sin_addr, probe->daddr.bytes, 4);
	memcpy(&to6.sin6_addr, probe->daddr.bytes, 16);
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name) + 1) < 0)
		return -errno;
	sent = sendto(fd, frame->bytes + FRAME_HEADER_SIZE, frame->len - FRAME_HEADER_SIZE, 0,
		      v4 ? (struct sockaddr *)&to4 : (struct sockaddr *)&to6,
		      v4 ? sizeof(to4) : sizeof(to6));
	/* That is how the sender is told of a drop. */
	return sent < 0 && errno != EPERM ? -errno : 0;
}

/* Reads all that is there; *canary becomes the number of the last canary that came back. */
static int read_all(struct wire *wire, uint32_t *canary)
{
	const struct replica *r = wire->list->replica;
	uint8_t frame[2048];
	struct sockaddr_ll from;

	for (;;) {
		socklen_t size = sizeof(from);
		struct sight sight;
		ssize_t len = recvfrom(wire->capture, frame, sizeof(frame), 0,
				       (struct sockaddr *)&from, &size);

		if (len < 0 && errno == EINTR)
			continue;
		/* A frame may be captured before the interface is ready to say so. */
		if (len < 0 && errno == ENETDOWN)
			continue;
		if (len < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (frame_read_canary(frame, (size_t)len, canary))
			continue;
		if (!frame_read(wire->list, wire->mark, frame, (size_t)len, &sight))
			continue;
		sight.port = r->links[links_of_wire((unsigned int)from.sll_ifindex)].port;
		wire->seen(&sight, wire->data);
	}
}

int wire_drain(struct wire *wire)
{
	uint32_t canary = 0;

	return read_all(wire, &canary);
}

static int check_losses(struct wire *wire)
{
	struct tpacket_stats stats = {0};
	socklen_t len = sizeof(stats);

	if (getsockopt(wire->capture, SOL_PACKET, PACKET_STATISTICS, &stats, &len) < 0)
		return -errno;
	return stats.tp_drops ? -ENOBUFS : 0;
}

int wire_settle(struct wire *wire)
{
	uint32_t sent = ++wire->n_canaries, back = 0;
	double end = now() + PATIENCE_SECONDS;
	struct frame frame;
	int err;

	frame_make_canary(wire->list->replica, wire->canary_port, sent, &frame);
	err = wire_send(wire, wire->canary_port, &frame);
	while (err == 0) {
		struct pollfd wait = {.fd = wire->capture, .events = POLLIN};
		double left = end - now();

		err = read_all(wire, &back);
		if (err != 0 || back == sent)
			break;
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&wait, 1, (int)(left * 1000) + 1) < 0 && errno != EINTR)
			return -errno;
	}
	return err ? err : check_losses(wire);
}
