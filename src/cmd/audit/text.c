// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum audit` for people: the verdict, the tree, then each finding with what to do. The tree
 * has a finding's number at every device that it is about. Findings of one rule are printed as one,
 * with their places counted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"
#include "cmd/audit/report.h"

#define NAME_COLUMNS_MIN 32 /* names are cut to this width, or to what a wider terminal leaves */
#define OTHER_COLUMNS 38
#define WHERE_MAX 3
#define CHANGES_MAX 40
#define WIDTH_MAX 110

/* A column of the tree: "on" if any of the features is. */
static const struct {
	const char *heading;
	const char *feature[3];
} columns[] = {
	{ "rx", { "rx-checksum" } },
	{ "tx", { "tx-checksum-ip-generic", "tx-checksum-ipv4", "tx-checksum-ipv6" } },
	{ "gro", { "rx-gro" } },
	{ "gso", { "tx-generic-segmentation" } },
	{ "lro", { "rx-lro" } },
};

static const struct {
	const char *one;
	enum term_style style;
} severities[] = {
	[AUDIT_NOTE] = { "note", TERM_DIM },
	[AUDIT_WARNING] = { "warning", TERM_WARN },
	[AUDIT_DANGER] = { "danger", TERM_BAD },
};

struct printer {
	const struct audit_report *report;
	const struct audit_facts *facts;
	size_t *group; /* by finding: the number it is printed with, from 1 */
	size_t groups;
	int name_width, name_limit, driver_width;
	unsigned int width;
	bool color;
};

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

/* Width on the terminal, in columns: counts the bytes that begin a UTF-8 character. */
static int width_of(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* Prints words, broken at the terminal's width; indents each line but the first. */
static void wrap(const struct printer *printer, const char *text, int indent)
{
	int used = indent;

	while (*text) {
		int len = (int)strcspn(text, " ");

		if (used > indent && used + 1 + len > (int)printer->width) {
			printf("\n%*s", indent, "");
			used = indent;
		} else if (used > indent) {
			putchar(' ');
			used++;
		}
		printf("%.*s", len, text);
		used += len;
		text += len;
		text += strspn(text, " ");
	}
	putchar('\n');
}

/* Numbers the findings. Those that are printed as one have the same number. */
static void number_findings(struct printer *printer)
{
	const struct audit_findings *findings = &printer->report->findings;

	for (size_t i = 0; i < findings->count; i++) {
		const struct audit_finding *one = &findings->finding[i], *before = one - 1;

		if (!i || printer->report->all || one->rule != before->rule ||
		    one->severity != before->severity || one->link != before->link)
			printer->groups++;
		printer->group[i] = printer->groups;
	}
}

static void print_overall(const struct printer *printer)
{
	const struct audit_report *report = printer->report;
	size_t spaces = printer->facts->inventory.space_count, devices = 0, said = 0;
	bool bad = report->bad;

	for (size_t i = 0; i < spaces; i++)
		devices += printer->facts->inventory.space[i].device_count;
	printf("%s", term_style(printer->color, bad ? TERM_BOLD : TERM_GOOD));
	if (!bad)
		printf("Nothing wrong found%s",
		       *printer->facts->unseen ? " in what could be seen" : "");
	for (int severity = AUDIT_DANGER; severity >= AUDIT_NOTE; severity--) {
		size_t count = report->severity_count[severity];

		if (count)
			printf("%s%zu %s%s",
			       said++ ? ", "
			       : bad  ? ""
				      : "; ",
			       count, severities[severity].one, plural(count));
	}
	if (report->drift.count)
		printf("%s%zu change%s since the baseline", said ? ", " : "", report->drift.count,
		       plural(report->drift.count));
	printf(".%s  Linux %s, %zu namespace%s, %zu device%s.\n",
	       term_style(printer->color, TERM_PLAIN), printer->facts->kernel, spaces,
	       plural(spaces), devices, plural(devices));
	if (*printer->facts->unseen) {
		printf("Not seen: ");
		wrap(printer, printer->facts->unseen, 10);
	}
}

static void print_drift(const struct printer *printer)
{
	const struct audit_report *report = printer->report;
	size_t shown = report->drift.count;

	if (report->baseline_written)
		printf("\nBaseline written to %s.\n", report->baseline);
	if (!report->drift.count)
		return;
	printf("\n%sCHANGED%s since %s\n", term_style(printer->color, TERM_WARN),
	       term_style(printer->color, TERM_PLAIN), report->baseline);
	if (!report->all && shown > CHANGES_MAX)
		shown = CHANGES_MAX;
	for (size_t i = 0; i < shown; i++) {
		const struct audit_change *change = &report->drift.change[i];

		printf("  %s%s%s: %s was %s, is %s\n", change->namespace,
		       *change->device ? " " : "", change->device, change->what, change->was,
		       change->is);
	}
	if (shown < report->drift.count)
		printf("  ... and %zu more (--all)\n", report->drift.count - shown);
}

/* "↔ CONTAINER: DEVICE"; cuts a container's name that is too long for its column. */
static void name_end(const struct printer *printer, const struct audit_row *row, char *ret_text,
		     size_t size)
{
	const char *space = printer->facts->space[row->place.space].name,
		   *device = audit_details(printer->facts, row->place)->name;
	int room = printer->name_limit - 2 * (int)row->depth - 4 - (int)strlen(device);

	if (room < 8)
		room = 8;
	if ((int)strlen(space) <= room)
		snprintf(ret_text, size, "↔ %s: %s", space, device);
	else
		snprintf(ret_text, size, "↔ %.*s…: %s", room - 1, space, device);
}

/* Draws the row's place in the tree and writes its name. */
static void name_row(const struct printer *printer, const struct audit_row *row, char *ret_text,
		     size_t size)
{
	const struct audit_tree *tree = &printer->report->tree;
	size_t parent_space =
		row->parent == AUDIT_NONE ? AUDIT_NONE : tree->row[row->parent].place.space;
	size_t used = 0;

	*ret_text = '\0';
	for (unsigned int depth = 1; depth <= row->depth && used < size; depth++) {
		bool more = depth <= AUDIT_DEPTH_MAX && (row->rails >> depth & 1);
		const char *rail = more ? "│ " : "  ";

		if (depth == row->depth)
			rail = more ? "├─" : "└─";
		used += (size_t)snprintf(ret_text + used, size - used, "%s", rail);
	}
	if (used >= size)
		return;
	if (row->more)
		snprintf(ret_text + used, size - used, "... and %zu more like these", row->more);
	else if (row->place.device == AUDIT_NONE)
		snprintf(ret_text + used, size - used, "%s",
			 printer->facts->space[row->place.space].name);
	else if (row->place.space != parent_space)
		name_end(printer, row, ret_text + used, size - used);
	else
		snprintf(ret_text + used, size - used, "%s",
			 audit_details(printer->facts, row->place)->name);
}

/*
 * Whether a finding is about the row: about its device, or about a namespace of which this is the
 * first row.
 */
static bool is_about(const struct printer *printer, const struct audit_row *row,
		     const struct audit_finding *finding)
{
	const struct audit_tree *tree = &printer->report->tree;

	if (finding->place.space != row->place.space)
		return false;
	if (finding->place.device != AUDIT_NONE)
		return finding->place.device == row->place.device;
	return row->place.device == AUDIT_NONE ||
	       tree->row[row->parent].place.space != row->place.space;
}

/* Prints the numbers of the findings about the row; returns the columns used. */
static int print_marks(const struct printer *printer, const struct audit_row *row)
{
	const struct audit_findings *findings = &printer->report->findings;
	size_t last = 0;
	int used = 0;

	for (size_t i = 0; i < findings->count; i++) {
		const struct audit_finding *finding = &findings->finding[i];

		if (printer->group[i] == last || !is_about(printer, row, finding))
			continue;
		last = printer->group[i];
		printf(" %s", term_style(printer->color, severities[finding->severity].style));
		used += 1 + printf("[%zu]", last);
		printf("%s", term_style(printer->color, TERM_PLAIN));
	}
	return used;
}

/* Prints the settings of a namespace that matter to all its devices. */
static void print_settings(const struct printer *printer, size_t i)
{
	const int *sysctl = printer->facts->space[i].sysctl;
	bool v4 = sysctl[SYSCTL_FORWARD_V4] > 0, v6 = sysctl[SYSCTL_FORWARD_V6] > 0;

	printf("%sforwards %s, rp_filter %d%s%s", term_style(printer->color, TERM_DIM),
	       v4 && v6 ? "IPv4 and IPv6"
	       : v4	? "IPv4"
	       : v6	? "IPv6"
			: "nothing",
	       sysctl[SYSCTL_RP_FILTER_ALL],
	       sysctl[SYSCTL_CONNTRACK_CHECKSUM] < 0   ? ""
	       : sysctl[SYSCTL_CONNTRACK_CHECKSUM] > 0 ? ", conntrack verifies"
						       : ", conntrack does not verify",
	       term_style(printer->color, TERM_PLAIN));
}

static const char *state_of(const struct printer *printer, const struct audit_device *device,
			    size_t column)
{
	if (!device->features_known)
		return "?";
	for (size_t i = 0; i < ARRAY_SIZE(columns[column].feature); i++)
		if (columns[column].feature[i] &&
		    audit_feature(printer->facts, device, columns[column].feature[i]))
			return "on";
	return "-";
}

/* Prints the addresses that fit, without link-local ones. */
static void print_addresses(const struct device *device, int room)
{
	for (size_t i = 0; i < device->address_count; i++) {
		const struct device_address *address = &device->address[i];
		char text[INET6_ADDRSTRLEN], both[INET6_ADDRSTRLEN + 8];

		if (address->scope == RT_SCOPE_LINK ||
		    !inet_ntop(address->family, address->address, text, sizeof(text)))
			continue;
		snprintf(both, sizeof(both), " %s/%u", text, address->prefix_len);
		room -= (int)strlen(both);
		if (room < 0)
			break;
		printf("%s", both);
	}
}

static const char *driver_of(const struct device *device)
{
	return *device->driver ? device->driver : *device->kind ? device->kind : "-";
}

static bool is_below(const struct printer *printer, const struct audit_row *row,
		     struct audit_place place)
{
	const struct audit_row *parent = &printer->report->tree.row[row->parent];

	return parent->place.space == place.space && parent->place.device == place.device;
}

static void print_device_row(const struct printer *printer, const struct audit_row *row)
{
	const struct device *device = audit_device(printer->facts, row->place);
	const struct audit_device *details = audit_details(printer->facts, row->place);
	struct audit_place master = audit_find(printer->facts, row->place.space, device->master);
	char driver[sizeof(device->driver)];
	int used;

	term_printable(driver, sizeof(driver), driver_of(device));
	used = printf("%-*s %5u", printer->driver_width, driver, device->mtu);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		used += printf(" %3s", state_of(printer, details, i));
	if (!(device->flags & IFF_UP))
		used += printf(" down");
	used += print_marks(printer, row);
	for (size_t i = 0; i < details->program_count; i++)
		used += printf(" %s%s%s", details->program[i].hook,
			       *details->program[i].name ? ":" : "", details->program[i].name);
	/* A further port of a bond is not drawn below the bond. */
	if (master.device != AUDIT_NONE && !is_below(printer, row, master))
		used += printf(" in %s", audit_details(printer->facts, master)->name);
	print_addresses(device, (int)printer->width - used - printer->name_width);
}

static void print_tree_row(const struct printer *printer, const struct audit_row *row)
{
	char name[400];

	name_row(printer, row, name, sizeof(name));
	if (row->place.device == AUDIT_NONE && !row->more)
		printf("%s%s%s", term_style(printer->color, TERM_BOLD), name,
		       term_style(printer->color, TERM_PLAIN));
	else
		printf("%s", name);
	if (!row->more) {
		int blanks = printer->name_width - width_of(name);

		printf("%*s", blanks > 1 ? blanks : 1, "");
		if (row->place.device == AUDIT_NONE) {
			print_settings(printer, row->place.space);
			print_marks(printer, row);
		} else {
			print_device_row(printer, row);
		}
	}
	putchar('\n');
}

static void measure_names(struct printer *printer)
{
	const struct audit_tree *tree = &printer->report->tree;
	char name[400];

	printer->name_limit = (int)printer->width - OTHER_COLUMNS;
	if (printer->name_limit < NAME_COLUMNS_MIN)
		printer->name_limit = NAME_COLUMNS_MIN;
	printer->name_width = 6;
	printer->driver_width = 6;
	for (size_t i = 0; i < tree->count; i++) {
		const struct audit_row *row = &tree->row[i];
		int width;

		if (row->more)
			continue;
		name_row(printer, row, name, sizeof(name));
		width = width_of(name);
		if (width <= printer->name_limit && width > printer->name_width)
			printer->name_width = width;
		if (row->place.device == AUDIT_NONE)
			continue;
		width = (int)strlen(driver_of(audit_device(printer->facts, row->place)));
		if (width > printer->driver_width)
			printer->driver_width = width;
	}
	printer->name_width++;
}

static void print_tree(struct printer *printer)
{
	const struct audit_tree *tree = &printer->report->tree;

	measure_names(printer);
	printf("\n%s%-*s%-*s   mtu", term_style(printer->color, TERM_DIM), printer->name_width, "",
	       printer->driver_width, "driver");
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		printf(" %3s", columns[i].heading);
	printf("%s\n", term_style(printer->color, TERM_PLAIN));
	for (size_t i = 0; i < tree->count; i++)
		print_tree_row(printer, &tree->row[i]);
	if (tree->bare)
		printf("%zu more namespace%s no device but lo.\n", tree->bare,
		       tree->bare == 1 ? " has" : "s have");
}

/* Prints the places of the findings from `from` up to, not including, `to`. */
static void print_places(const struct printer *printer, size_t from, size_t to)
{
	const struct audit_finding *finding = printer->report->findings.finding;

	printf("  where  ");
	for (size_t i = from; i < to && i < from + WHERE_MAX; i++) {
		struct audit_place place = finding[i].place;

		printf("%s%s%s%s", i > from ? ", " : "", printer->facts->space[place.space].name,
		       place.device == AUDIT_NONE ? "" : " ",
		       place.device == AUDIT_NONE ? ""
						  : audit_details(printer->facts, place)->name);
	}
	if (to - from > WHERE_MAX)
		printf(", and %zu more (--all)", to - from - WHERE_MAX);
	putchar('\n');
}

static void print_finding(const struct printer *printer, size_t from, size_t to)
{
	const struct audit_finding *finding = &printer->report->findings.finding[from];

	printf("\n%s[%zu] %s%s: %s\n",
	       term_style(printer->color, severities[finding->severity].style),
	       printer->group[from], severities[finding->severity].one,
	       term_style(printer->color, TERM_PLAIN), finding->rule->title);
	print_places(printer, from, to);
	printf("  why    ");
	wrap(printer, finding->why, 9);
	printf("  do     %s%s\n", finding->remedy,
	       to - from > 1 ? "    (and likewise for the others)" : "");
	printf("  see    %s%s%s\n", term_style(printer->color, TERM_DIM), finding->link,
	       term_style(printer->color, TERM_PLAIN));
}

static void print_findings(const struct printer *printer)
{
	size_t count = printer->report->findings.count;

	for (size_t from = 0, to; from < count; from = to) {
		for (to = from + 1; to < count && printer->group[to] == printer->group[from];)
			to++;
		print_finding(printer, from, to);
	}
}

int audit_print_text(const struct audit_report *report)
{
	struct printer printer = { .report = report,
				   .facts = &report->facts,
				   .width = term_columns(stdout),
				   .color = term_color(stdout) };
	_cleanup_free_ size_t *group = calloc(report->findings.count + 1, sizeof(*group));

	if (!group)
		return fail(-ENOMEM, "out of memory");
	printer.group = group;
	number_findings(&printer);
	print_overall(&printer);
	print_drift(&printer);
	print_tree(&printer);
	if (printer.width > WIDTH_MAX)
		printer.width = WIDTH_MAX;
	print_findings(&printer);
	return 0;
}
