// SPDX-License-Identifier: GPL-2.0-or-later
/* Labels in place of what is private, and texts about the kernel, on made-up hosts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/privilege.h"
#include "net/inventory.h"
#include "report/host.h"
#include "report/labels.h"

static struct device host_devices[] = {
	{ .index = 1, .name = "lo" },
	{ .index = 2, .name = "eth0" },
	{ .index = 3, .name = "v-payroll", .kind = "veth" },
	{ .index = 4, .name = "enx02ace0000017" },
};
static struct device container_devices[] = {
	{ .index = 1, .name = "lo" },
	{ .index = 2, .name = "cust\nomer", .kind = "veth" },
};

static struct space spaces[] = {
	{ .own = true, .name = "host", .device = host_devices, .device_count = 4 },
	{ .name = "payroll",
	  .hostname = "db.corp.example",
	  .container = "4f9d2c1b7a6e5d4c3b2a19080706050403020100ffeeddccbbaa998877665544",
	  .path = "/run/netns/payroll net",
	  .device = container_devices,
	  .device_count = 2 },
};
static const struct inventory inventory = { .space = spaces, .space_count = 2 };

static void free_labels(struct labels **labels)
{
	labels_free(*labels);
}

static struct labels *make(bool real)
{
	struct labels *labels = NULL;

	assert_int_equal(labels_make(&inventory, "node7.corp.example", real, &labels), 0);
	return labels;
}

static void test_sentences(void **state)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{ "", "" },
		{ "nothing to hide", "nothing to hide" },
		{ "payroll is blocked", "container-1 is blocked" },
		{ "payrolls and mypayroll", "payrolls and mypayroll" },
		{ "/run/netns/payroll net: no", "container-1: no" },
		{ "'payroll net'.", "'container-1'." },
		{ "db.corp.example", "container-1" },
		{ "node7.corp.example, node7", "this-host, this-host" },
		{ "id 4f9d2c1b7a6e", "id container-1" },
		{ "4f9d2c1b7a6e5d4c3b2a19080706050403020100ffeeddccbbaa998877665544",
		  "container-1" },
		{ "of 0123456789ab and 0123456789a", "of (id) and 0123456789a" },
		{ "v-payroll, eth0, enx02ace0000017", "veth-1, eth0, nic-1" },
		{ "cust\\x0aomer", "veth-2" },
		{ "to 10.7.8.9.", "to addr-1." },
		{ "10.7.8.9/24: 10.7.8.10, 127.0.0.1", "addr-1/24: addr-2, 127.0.0.1" },
		{ "[fd77::1]:80 and fd77::1, ::1", "[addr-3]:80 and addr-3, ::1" },
		{ "fe80::1%eth0", "addr-4%eth0" },
		{ "::ffff:10.7.8.9", "addr-5" },
		{ "02:AC:e0:00:00:17 02-ac-e0-00-00-17", "mac-1 mac-1" },
		{ "at 12:30:45, 1.2.3, 6.1.0-13, v1.0", "at 12:30:45, 1.2.3, 6.1.0-13, v1.0" },
		{ "cafe: bad", "cafe: bad" },
		{ "x\x1b[31m", "x\\x1b[31m" },
	};
	_cleanup_(free_labels) struct labels *labels = make(false);
	char shown[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		labels_sentence(labels, rows[i].text, shown, sizeof(shown));
		assert_string_equal(shown, rows[i].shown);
	}
}

static void test_real_names(void **state)
{
	_cleanup_(free_labels) struct labels *labels = make(true);
	const uint8_t address[4] = { 10, 7, 8, 9 };
	char shown[LABEL_SIZE];

	(void)state;
	labels_sentence(labels, "payroll at 10.7.8.9 on node7", shown, sizeof(shown));
	assert_string_equal(shown, "payroll at 10.7.8.9 on node7");
	labels_space(labels, 1, shown);
	assert_string_equal(shown, "payroll");
	labels_device(labels, 1, 1, shown);
	assert_string_equal(shown, "cust\\x0aomer");
	labels_address(labels, AF_INET, address, shown);
	assert_string_equal(shown, "10.7.8.9");
}

static void test_labels_are_stable(void **state)
{
	static const uint8_t mac[6] = { 2, 0xac, 0xe0, 0, 0, 0x17 }, none[6] = { 0 };
	_cleanup_(free_labels) struct labels *labels = make(false);
	char shown[LABEL_SIZE], sentence[100];

	(void)state;
	labels_address(labels, AF_PACKET, mac, shown);
	assert_string_equal(shown, "mac-1");
	labels_address(labels, AF_PACKET, none, shown);
	assert_string_equal(shown, "00:00:00:00:00:00");
	/* IPv4 and IPv6 addresses that begin with the same bytes are different. */
	labels_address(labels, AF_INET, (const uint8_t[16]){ 10, 7, 8, 9 }, shown);
	assert_string_equal(shown, "addr-1");
	labels_address(labels, AF_INET6, (const uint8_t[16]){ 10, 7, 8, 9 }, shown);
	assert_string_equal(shown, "addr-2");
	labels_sentence(labels, "02:ac:e0:00:00:17 10.7.8.9", sentence, sizeof(sentence));
	assert_string_equal(sentence, "mac-1 addr-1");
	/* What does not fit is cut, with a NUL. */
	labels_sentence(labels, "payroll payroll", sentence, 13);
	assert_string_equal(sentence, "container-1 ");
}

static void test_usual_names(void **state)
{
	static const char *const usual[] = { "lo",	  "eth0",	"eth12",  "enp3s0f1np1",
					     "eno1",	  "ens3",	"wlp2s0", "enP2p1s0",
					     "docker0",	  "virbr0",	"veth1",  "flannel.1",
					     "enp0s31f6", "enp1s0f0v3", "wwan0",  "bond0" };
	static const char *const private[] = {
		"",	"eth",	   "ethel",	   "eth1234", "eth0.100",	 "enx02ace0000017",
		"en",	"enp",	   "ens3x",	   "enabc1",  "br-4f9d2c1b7a6e", "vethab12cd3",
		"lola", "payroll", "enp3s0secret", "wg-acme", "enp20260101",	 "br"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (!labels_is_usual(usual[i]))
			fail_msg("%s", usual[i]);
	for (size_t i = 0; i < ARRAY_SIZE(private); i++)
		if (labels_is_usual(private[i]))
			fail_msg("%s", private[i]);
}

static void test_kernel_text(void **state)
{
	static const char *const rows[][2] = {
		{ "Linux version 6.1.0 (joe@node7.corp.example) (gcc 12) #1",
		  "Linux version 6.1.0 (builder) (gcc 12) #1" },
		{ "Linux version 6.1.0-node7 (a@b) (gcc)",
		  "Linux version 6.1.0-this-host (builder) (gcc)" },
		{ "Linux version 6.1.0 (joe)", "Linux version 6.1.0 (joe)" },
		{ "Linux version 6.1.0 (gcc) x@y", "Linux version 6.1.0 (gcc) x@y" },
		{ "Linux version 6.1.0 (x@y", "Linux version 6.1.0 (x@y" },
		{ "payroll is a word here", "payroll is a word here" },
		{ "", "" },
	};
	_cleanup_(free_labels) struct labels *labels = make(false);
	char banner[200], shown[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(banner, sizeof(banner), "%s", rows[i][0]);
		host_hide_builder(banner, sizeof(banner));
		labels_kernel(labels, banner, shown, sizeof(shown));
		assert_string_equal(shown, rows[i][1]);
	}
}

static void test_lockdown(void **state)
{
	static const char *const rows[][2] = {
		{ "[none] integrity confidentiality", "none" },
		{ "none [integrity] confidentiality", "integrity" },
		{ "none integrity", "" },
		{ "", "" },
		{ "[", "" },
		{ "]x[", "" },
	};
	char mode[24];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		privilege_parse_lockdown(rows[i][0], mode, sizeof(mode));
		assert_string_equal(mode, rows[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sentences),	  cmocka_unit_test(test_real_names),
		cmocka_unit_test(test_labels_are_stable), cmocka_unit_test(test_usual_names),
		cmocka_unit_test(test_kernel_text),	  cmocka_unit_test(test_lockdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
