// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel and the machine: see host.h. */
#include "report/host.h"

#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/privilege.h"

/* The file's first line, without its newline; empty if it cannot be read. */
static void read_line(const char *path, char *ret_line, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	if (!file || !fgets(ret_line, (int)size, file))
		*ret_line = '\0';
	ret_line[strcspn(ret_line, "\n")] = '\0';
}

void host_hide_builder(char *banner, size_t size)
{
	char *open = strchr(banner, '('), *close = open ? strchr(open, ')') : NULL;
	const char *at = open ? strchr(open, '@') : NULL;
	char *rest;

	if (!close || !at || at > close)
		return;
	rest = strdup(close);
	snprintf(open + 1, size - (size_t)(open + 1 - banner), "builder%s", rest ? rest : "");
	free(rest);
}

static void read_distribution(char *ret_name, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen("/etc/os-release", "re");
	char line[256];

	*ret_name = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		char *value = line + strlen("PRETTY_NAME=");

		if (strncmp(line, "PRETTY_NAME=", strlen("PRETTY_NAME=")) != 0)
			continue;
		value += strspn(value, "\"'");
		value[strcspn(value, "\"'\n")] = '\0';
		term_printable(ret_name, size, value);
	}
}

/* The processor's flag, as an x86 hypervisor sets it. */
static bool has_hypervisor_flag(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/cpuinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t room = 0;

	while (file && getline(&line, &room, file) > 0)
		if (!strncmp(line, "flags", 5))
			return strstr(line, " hypervisor") != NULL;
	return false;
}

/* Vendor and product of a virtual machine: no serial number, and nothing if it is real hardware. */
static void read_virtualisation(char *ret_text, size_t size)
{
	char type[32], vendor[64], product[64],
		both[sizeof(type) + sizeof(vendor) + sizeof(product)];

	read_line("/sys/hypervisor/type", type, sizeof(type));
	*ret_text = '\0';
	if (!*type && !has_hypervisor_flag())
		return;
	read_line("/sys/class/dmi/id/sys_vendor", vendor, sizeof(vendor));
	read_line("/sys/class/dmi/id/product_name", product, sizeof(product));
	snprintf(both, sizeof(both), "%s%s%s%s%s", type, *type && *vendor ? " " : "", vendor,
		 *vendor && *product ? " " : "", product);
	term_printable(ret_text, size, *both ? both : "yes");
}

static void read_taints(struct host *host)
{
	static const char letters[] = "PFSRMBUDAWCIOELKXTNJ";
	char line[32], *end;
	size_t used = 0;

	read_line("/proc/sys/kernel/tainted", line, sizeof(line));
	host->tainted = strtoll(line, &end, 10);
	if (end == line)
		host->tainted = -1;
	for (size_t bit = 0; host->tainted > 0 && bit < strlen(letters); bit++)
		if (host->tainted >> bit & 1)
			host->taints[used++] = letters[bit];
}

static size_t padded(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

/* Looks for the note that has the build id in a part of the program that consists of notes. */
static void find_build_id(const char *at, size_t size, char *ret_text)
{
	const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;

	while (size >= sizeof(*note)) {
		size_t len = sizeof(*note) + padded(note->n_namesz) + padded(note->n_descsz);
		const char *bytes = at + sizeof(*note) + padded(note->n_namesz);

		if (len > size)
			return;
		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && note->n_descsz == 20)
			for (size_t i = 0; i < note->n_descsz; i++)
				sprintf(ret_text + 2 * i, "%02x", (uint8_t)bytes[i]);
		at += len;
		size -= len;
		note = (const ElfW(Nhdr) *)at;
	}
}

/* The first object is the program itself. */
static int read_build_id(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_NOTE)
			find_build_id((const char *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr,
				      info->dlpi_phdr[i].p_memsz, data);
	return 1;
}

void host_read(struct host *ret_host)
{
	struct host host = { 0 };
	struct utsname name;
	char line[400];

	if (!uname(&name)) {
		snprintf(host.hostname, sizeof(host.hostname), "%s", name.nodename);
		term_printable(host.release, sizeof(host.release), name.release);
		term_printable(host.version, sizeof(host.version), name.version);
		term_printable(host.machine, sizeof(host.machine), name.machine);
	}
	read_line("/proc/version", line, sizeof(line));
	term_printable(host.banner, sizeof(host.banner), line);
	read_distribution(host.distribution, sizeof(host.distribution));
	privilege_read_lockdown(host.lockdown, sizeof(host.lockdown));
	read_virtualisation(host.virtualisation, sizeof(host.virtualisation));
	read_taints(&host);
	host.processors = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	dl_iterate_phdr(read_build_id, host.build_id);
	*ret_host = host;
}
