// SPDX-License-Identifier: GPL-2.0-or-later
// Whose chain a name tells of, and that the advice names what its users can type.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "foreign/vendor.h"

static void test_known(void **state)
{
	static const struct {
		const char *family, *table, *chain, *name, *word;
	} cases[] = {
		{"ip", "filter", "DOCKER-USER", "Docker", "`iptables -I DOCKER-USER"},
		{"ip", "filter", "DOCKER", "Docker", "`iptables -I DOCKER-USER"},
		{"ip6", "filter", "DOCKER-FORWARD", "Docker", "`ip6tables -I DOCKER-USER"},
		{"ip", "docker-bridges", "filter-FORWARD", "Docker", "daemon.json"},
		{"ip", "filter", "ufw-user-forward", "ufw", "ufw route allow"},
		{"ip6", "filter", "ufw6-reject-forward", "ufw", "ufw route allow"},
		{"inet", "firewalld", "filter_FORWARD", "firewalld", "firewall-cmd"},
		{"ip", "filter", "FWDI_public", "firewalld", "firewall-cmd"},
		{"ip", "filter", "LIBVIRT_FWI", "libvirt", "virsh net-edit"},
		{"ip6", "libvirt_network", "guest_input", "libvirt", "virsh net-edit"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct vendor *who =
			vendor_of(cases[i].family, cases[i].table, cases[i].chain);

		assert_non_null(who);
		assert_string_equal(who->name, cases[i].name);
		assert_non_null(strstr(who->advice, cases[i].word));
		assert_int_not_equal(who->advice[strlen(who->advice) - 1], '.');
	}
}

static void test_unknown(void **state)
{
	(void)state;
	assert_null(vendor_of("ip", "filter", "FORWARD"));
	assert_null(vendor_of("inet", "filter", "forward"));
	assert_null(vendor_of("ip", "filter", "docker"));
	assert_null(vendor_of("ip", "filter", "DOCKE"));
	assert_null(vendor_of("inet", "firewall", "filter_FORWARD"));
	assert_null(vendor_of("ip", "filter", "ufw"));
	assert_null(vendor_of("ip", "filter", ""));
	assert_null(vendor_of("inet", "hostgate", "forward"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
