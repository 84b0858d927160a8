# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules as well-known programs leave them on a host, in short: with their chains' names and verdicts."""

# Docker 26 with one bridge (dmz0) and one published port; `iptables -S` of such a host.
DOCKER = """
-P FORWARD DROP
-N DOCKER
-N DOCKER-ISOLATION-STAGE-1
-N DOCKER-ISOLATION-STAGE-2
-N DOCKER-USER
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o dmz0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o dmz0 -j DOCKER
-A FORWARD -i dmz0 ! -o dmz0 -j ACCEPT
-A FORWARD -i dmz0 -o dmz0 -j ACCEPT
-A DOCKER -d 10.99.0.10/32 ! -i dmz0 -o dmz0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i dmz0 ! -o dmz0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o dmz0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
-t nat -N DOCKER
-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-t nat -A POSTROUTING -s 10.99.0.0/24 ! -o dmz0 -j MASQUERADE
-t nat -A DOCKER -i dmz0 -j RETURN
-t nat -A DOCKER ! -i dmz0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.99.0.10:80
"""

# ufw 0.36, enabled, default deny (routed): the part that concerns forwarding.
UFW = """
-P FORWARD DROP
-N ufw-before-forward
-N ufw-after-forward
-N ufw-reject-forward
-N ufw-user-forward
-N ufw-logging-deny
-A FORWARD -j ufw-before-forward
-A FORWARD -j ufw-after-forward
-A FORWARD -j ufw-reject-forward
-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-forward -j ufw-user-forward
-A ufw-after-forward -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix ufw
"""

# firewalld 1.3 (nftables): every interface in zone public, no policy between zones.
FIREWALLD = """
table inet firewalld {
    chain mangle_PREROUTING { type filter hook prerouting priority mangle + 10; policy accept; jump mangle_PREROUTING_ZONES; }
    chain mangle_PREROUTING_ZONES { }
    chain nat_POSTROUTING { type nat hook postrouting priority srcnat + 10; policy accept; jump nat_POSTROUTING_ZONES; }
    chain nat_POSTROUTING_ZONES { }
    chain filter_PREROUTING {
        type filter hook prerouting priority filter + 10; policy accept;
        icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
        meta nfproto ipv6 fib saddr . mark . iif oif missing drop
    }
    chain filter_FORWARD {
        type filter hook forward priority filter + 10; policy accept;
        ct state { established, related } accept
        ct status dnat accept
        iifname "lo" accept
        ip6 daddr { ::/96, ::ffff:0.0.0.0/96, 2002::/24 } reject with icmpv6 type addr-unreachable
        jump filter_FORWARD_ZONES
        ct state { invalid } drop
        reject with icmpx type admin-prohibited
    }
    chain filter_FORWARD_ZONES { goto filter_FWD_public; }
    chain filter_FWD_public { jump filter_FWD_public_allow; meta l4proto { icmp, ipv6-icmp } accept; }
    chain filter_FWD_public_allow { oifname "dmz0" accept; }
}
"""

# libvirt 10 (iptables): one isolated and one nat network, of which dmz0 is the nat one.
LIBVIRT = """
-N LIBVIRT_FWI
-N LIBVIRT_FWO
-N LIBVIRT_FWX
-A FORWARD -j LIBVIRT_FWX
-A FORWARD -j LIBVIRT_FWI
-A FORWARD -j LIBVIRT_FWO
-A LIBVIRT_FWI -d 10.99.0.0/24 -o dmz0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A LIBVIRT_FWI -o dmz0 -j REJECT
-A LIBVIRT_FWI -o vmnet1 -j REJECT
-A LIBVIRT_FWO -s 10.99.0.0/24 -i dmz0 -j ACCEPT
-A LIBVIRT_FWO -i dmz0 -j REJECT
-A LIBVIRT_FWO -i vmnet1 -j REJECT
-A LIBVIRT_FWX -i dmz0 -o dmz0 -j ACCEPT
-t nat -N LIBVIRT_PRT
-t nat -A POSTROUTING -j LIBVIRT_PRT
-t nat -A LIBVIRT_PRT -s 10.99.0.0/24 -d 224.0.0.0/24 -j RETURN
-t nat -A LIBVIRT_PRT -s 10.99.0.0/24 ! -d 10.99.0.0/24 -j MASQUERADE
"""


def load_iptables(lab, text, variant, family=4):
    """Puts the lines of one of these into iptables or ip6tables."""
    tool = "%s-%s" % ("iptables" if family == 4 else "ip6tables", variant)
    for line in text.strip().splitlines():
        lab.must([tool, "-w"] + line.split())
