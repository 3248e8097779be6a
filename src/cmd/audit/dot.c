// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tree as a graph for Graphviz: a cluster for each namespace; colours show findings. Names are
 * printable, and quoted strings of the DOT language, in which '"' and '\' are escaped.
 */
#include <stdio.h>

#include "cmd/audit/report.h"

static const char *const fill[] = { "#fff6c8", "#ffd9a0", "#ffb3b3" }; /* by severity */

static void print_escaped(const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
}

static void print_node(const struct audit_facts *facts, const struct audit_findings *findings,
		       const struct audit_row *row, size_t number)
{
	const struct device *device = audit_device(facts, row->place);
	int severity = audit_severity_at(findings, row->place);

	printf("\t\tn%zu [label=\"", number);
	if (row->more) {
		printf("and %zu more\\nlike these\" shape=plaintext];\n", row->more);
		return;
	}
	print_escaped(audit_details(facts, row->place)->name);
	printf("\\n");
	print_escaped(*device->driver ? device->driver : device->kind);
	printf(", mtu %u", device->mtu);
	for (size_t i = 0; i < audit_details(facts, row->place)->program_count; i++) {
		const struct audit_program *program = &audit_details(facts, row->place)->program[i];

		printf("\\n%s ", program->hook);
		print_escaped(program->name);
	}
	printf("\"");
	if (severity >= 0)
		printf(" style=filled fillcolor=\"%s\"", fill[severity]);
	printf("];\n");
}

static void print_cluster(const struct audit_facts *facts, const struct audit_findings *findings,
			  const struct audit_tree *tree, size_t space)
{
	struct audit_place itself = { space, AUDIT_NONE };
	int severity = audit_severity_at(findings, itself);
	bool any = false;

	for (size_t i = 0; i < tree->count; i++) {
		const struct audit_row *row = &tree->row[i];

		if (row->place.space != space || row->place.device == AUDIT_NONE)
			continue;
		if (!any) {
			printf("\tsubgraph cluster_%zu {\n\t\tlabel=\"", space);
			print_escaped(facts->space[space].name);
			printf("\";\n");
			if (severity >= 0)
				printf("\t\tbgcolor=\"%s\";\n", fill[severity]);
		}
		any = true;
		print_node(facts, findings, row, i);
	}
	if (any)
		printf("\t}\n");
}

void audit_print_dot(const struct audit_report *report)
{
	const struct audit_tree *tree = &report->tree;

	printf("graph truesum {\n\trankdir=LR;\n\tnode [shape=box fontname=\"sans-serif\"];\n");
	for (size_t i = 0; i < report->facts.inventory.space_count; i++)
		print_cluster(&report->facts, &report->findings, tree, i);
	for (size_t i = 0; i < tree->count; i++) {
		const struct audit_row *row = &tree->row[i];

		if (row->parent != AUDIT_NONE && tree->row[row->parent].place.device != AUDIT_NONE)
			printf("\tn%zu -- n%zu;\n", row->parent, i);
	}
	printf("}\n");
}
