# SPDX-License-Identifier: GPL-2.0-or-later
"""Live conversations between a guest and somebody else, packet by packet."""

import packets as p
from lab import LINK, REMOTE


class Flow:
    """A conversation that `inner` (on link `inside`) has with `outer` (on link `outside`).

    start() opens it from the inside, start_from_outside() from the outside; then out() and back() send
    one more packet in either direction, that fits into the conversation.
    """

    def __init__(self, kind, inside, inner, outside, outer, port):
        self.kind, self.inside, self.inner = kind, inside, inner
        self.outside, self.outer, self.port = outside, outer, port
        self.seen_as, self.seen_port = inner, port    # what the outer end takes the inner one for
        self.mine, self.theirs = 1000, 5000

    def __repr__(self):
        return "%s %s (%s) <> %s (%s)" % (self.kind, self.inner, self.inside, self.outer, self.outside)

    def _tcp(self, flags, outward, data=b""):
        if outward:
            packet = p.tcp_packet(self.inner, self.outer, self.port, 80, flags, self.mine,
                                  self.theirs if flags & p.ACK else 0, data)
            self.mine += len(data) + (1 if flags & p.SYN else 0)
        else:
            packet = p.tcp_packet(self.outer, self.seen_as, 80, self.seen_port, flags, self.theirs,
                                  self.mine if flags & p.ACK else 0, data)
            self.theirs += len(data) + (1 if flags & p.SYN else 0)
        return packet

    def out(self, mark):
        """The next packet of the inner end, as (link, packet)."""
        if self.kind == "udp":
            packet = p.udp_packet(self.inner, self.outer, self.port, 53, mark)
        elif self.kind == "echo":
            packet = p.echo_packet(self.inner, self.outer, self.port, mark)
        else:
            packet = self._tcp(p.ACK | p.PSH, True, mark)
        return self.inside, packet

    def back(self, mark):
        """The next packet of the outer end, as (link, packet)."""
        if self.kind == "udp":
            packet = p.udp_packet(self.outer, self.seen_as, 53, self.seen_port, mark)
        elif self.kind == "echo":
            packet = p.echo_packet(self.outer, self.seen_as, self.seen_port, mark, reply=True)
        else:
            packet = self._tcp(p.ACK | p.PSH, False, mark)
        return self.outside, packet

    def start(self, case, lab):
        """Opens it from the inside; the case fails unless it passes both ways."""
        if self.kind == "tcp":
            captured = lab.round([(self.inside, self._tcp(p.SYN, True))])
            found = [seen for seen in captured if seen.link == self.outside and seen.packet.flags == p.SYN]
            case.assertEqual(len(found), 1, "%r: the SYN does not pass" % self)
            self.seen_as, self.seen_port = found[0].packet.src, found[0].packet.sport
            lab.round([(self.outside, self._tcp(p.SYN | p.ACK, False))])
            lab.round([(self.inside, self._tcp(p.ACK, True))])
        else:
            mark = p.nonce()
            out = case.only(lab.round([self.out(mark)]), self.outside, mark)
            self.seen_as, self.seen_port = out.src, out.sport if self.kind == "udp" else out.ident
        self.goes_on(case, lab)

    def start_from_outside(self, case, lab, door=None, door_port=None):
        """Opens it from the outside, to the guest itself or to a published door."""
        self.seen_as, self.seen_port = door or self.inner, door_port or self.port
        if self.kind == "tcp":
            for outward, flags in ((False, p.SYN), (True, p.SYN | p.ACK), (False, p.ACK)):
                packet = self._tcp(flags, outward)
                captured = lab.round([(self.inside if outward else self.outside, packet)])
                to = self.outside if outward else self.inside
                case.assertEqual(len([1 for seen in captured if seen.link == to and seen.packet.flags == flags]), 1,
                                 "%r: the handshake does not pass" % self)
        else:
            mark = p.nonce()
            case.only(lab.round([self.back(mark)]), self.inside, mark)
        self.goes_on(case, lab)

    def goes_on(self, case, lab):
        """One more packet passes each way."""
        mark = p.nonce()
        out = case.only(lab.round([self.out(mark)]), self.outside, mark)
        case.assertEqual(out.src, self.seen_as, repr(self))
        mark = p.nonce()
        back = case.only(lab.round([self.back(mark)]), self.inside, mark)
        case.assertEqual(back.dst, self.inner, repr(self))


def leaving(case, link, lab, outside="eth0", outer=None, port=9000, families=(4, 6)):
    """Live flows of every kind and family from a guest on link, already started; outer: by family."""
    flows = [Flow(kind, link, LINK[link].guest(family), outside, (outer or REMOTE)[family], port + number)
             for family in families for number, kind in enumerate(("udp", "tcp", "echo"))]
    for flow in flows:
        flow.start(case, lab)
    return flows


def assert_silent(case, lab, flows, out=True, back=True):
    """Not one further packet of the flows passes, in the directions that are asked for; twice each."""
    marks, sendings = [], []
    for _ in range(2):
        for flow in flows:
            for wanted, step in ((out, flow.out), (back, flow.back)):
                if wanted:
                    mark = p.nonce()
                    link, packet = step(mark)
                    marks.append((flow, link, mark))
                    sendings.append((link, packet))
    captured = lab.round(sendings)
    leaks = ["%r, sent on %s -> %r" % (flow, link, seen) for flow, link, mark in marks
             for seen in captured if mark[8:] in seen.frame and seen.link != link]
    case.assertEqual(leaks, [])
    return captured
