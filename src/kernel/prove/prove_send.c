// SPDX-License-Identifier: GPL-2.0-or-later
// prove_send: sends a probe.
#include "prove/prove_run.h"

int prove_send(struct prove_run *run, uint32_t idx)
{
	const struct probe *probe = &run->list->items[idx];
	const struct sight *about = NULL;
	struct frame frames[FRAME_COUNT_MAX];
	size_t n;
	int err = 0;

	if (probe->phase == PHASE_BACK) {
		about = run->seen[probe->about];
		if (!about)
			return 0;
	}
	n = frame_make(run->list, idx, run->wire.mark, about, frames);
	for (size_t i = 0; i < n && err == 0; i++)
		err = probe->in == NO_PORT
			      ? wire_send_own(&run->wire, probe->toward, probe, &frames[i])
			      : wire_send(&run->wire, probe->in, &frames[i]);
	run->n_sent++;
	return probe->in == NO_PORT && prove_has_no_way(run, idx, err) ? 0 : err;
}
