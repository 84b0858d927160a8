// SPDX-License-Identifier: GPL-2.0-or-later
// prove_trace: sends probes with findings again, under the kernel's eye.
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>

#include "os/netlink.h"
#include "prove/prove_run.h"
#include "prove/trace.h"

/* Of findings that are alike, so many are looked into, and so many of all. */
#define ALIKE_MAX 4
#define TRACED_MAX 400

static int ignore(const struct nlmsghdr *message, void *data)
{
	(void)message;
	(void)data;
	return MNL_CB_OK;
}

/*
 * A connection that was seen before skips the rules about new ones. The copy has no connection but
 * ours; a kernel without this interface has traces of older connections only.
 */
static void forget_connections(struct netlink *netlink)
{
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);
	struct nfgenmsg *header;

	request->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->nfgen_family = AF_UNSPEC;
	header->version = NFNETLINK_V0;
	if (netlink->socket)
		(void)netlink_request(netlink, request, ignore, NULL);
}

static bool is_alike(const struct prove_run *run, const struct found *a, const struct found *b)
{
	const struct probe *x = &run->list->items[a->probe], *y = &run->list->items[b->probe];

	return a->kind == b->kind && x->network == y->network && x->family == y->family &&
	       x->in == y->in && x->toward == y->toward;
}

static bool is_wanted(const struct prove_run *run, const struct found *found, const size_t *traced,
		      size_t n)
{
	size_t alike = 0;

	if (found->probe == NO_PROBE || n == TRACED_MAX)
		return false;
	for (size_t i = 0; i < n && alike < ALIKE_MAX; i++)
		alike += is_alike(run, found, &run->findings[traced[i]]);
	return alike < ALIKE_MAX;
}

static enum trace_question question_of(enum finding_kind kind)
{
	switch (kind) {
	case FINDING_LEAK:
		return TRACE_PASSED;
	case FINDING_SOURCE:
		return TRACE_TRANSLATED;
	case FINDING_MISSING:
	case FINDING__COUNT:
		break;
	}
	return TRACE_DROPPED;
}

static bool send_again(struct prove_run *run, struct tracer *tracer, const struct found *found,
		       struct decider *out)
{
	const struct probe *probe = &run->list->items[found->probe];
	int err = 0;

	if (probe->phase == PHASE_BACK)
		err = prove_send(run, probe->about);
	if (err == 0)
		err = wire_settle(&run->wire);
	tracer_begin(tracer);
	if (err == 0)
		err = prove_send(run, found->probe);
	if (err == 0)
		err = wire_settle(&run->wire);
	return err == 0 && tracer_end(tracer, question_of(found->kind), out);
}

void prove_trace(struct prove_run *run)
{
	struct netlink netlink __attribute__((cleanup(netlink_close))) = {0};
	size_t n_findings = run->n_findings < FINDINGS_MAX ? run->n_findings : FINDINGS_MAX;
	size_t n = 0, n_sent = run->n_sent, *traced;
	struct tracer *tracer;

	if (n_findings == 0)
		return;
	tracer = tracer_open(run->arena, run->input->apply->ruleset, &run->copy);
	if (!tracer)
		return;
	traced = arena_calloc(run->arena, TRACED_MAX, sizeof(*traced));
	(void)netlink_open(&netlink, NETLINK_NETFILTER);
	run->tracing = true;
	for (size_t i = 0; i < n_findings; i++) {
		struct prove_message record = {.kind = MESSAGE_DECIDER};

		if (!is_wanted(run, &run->findings[i], traced, n))
			continue;
		traced[n++] = i;
		record.decided.finding = i;
		forget_connections(&netlink);
		if (send_again(run, tracer, &run->findings[i], &record.decided.decider))
			(void)prove_tell(run, &record);
	}
	tracer_close(tracer);
	run->n_sent = n_sent;
}
