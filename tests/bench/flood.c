// SPDX-License-Identifier: GPL-2.0-or-later
// flood: sends small UDP datagrams for a bounded time and prints what one costs.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 16

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* flood ADDRESS PORT MILLISECONDS: on a veth the receiving host's work is done in the sender's time,
 * and only processor time counts. */
int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct mmsghdr messages[BATCH];
	char payload[16] = "hostgate";
	struct iovec iov = {payload, sizeof(payload)};
	double start, end;
	long sent = 0;
	int fd;

	if (argc != 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons((unsigned short)atoi(argv[2]));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		perror("flood");
		return 1;
	}
	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < BATCH; i++) {
		messages[i].msg_hdr.msg_iov = &iov;
		messages[i].msg_hdr.msg_iovlen = 1;
	}

	start = cpu_seconds();
	for (end = start + atof(argv[3]) / 1e3; cpu_seconds() < end;) {
		int n = sendmmsg(fd, messages, BATCH, 0);

		if (n < 0) {
			perror("flood");
			return 1;
		}
		sent += n;
	}
	printf("%.0f\n", (cpu_seconds() - start) * 1e9 / (double)sent);
	return 0;
}
