// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes generated packets (packets.h) to a capture file or a pipe, and with --truth one line about
 * each to another file:
 *   frame, damage, what its verdict must be, why it may be either, how far out the damage
 *   reaches (network, header of the transport, its payload), and the checksums, outermost first
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packets.h"

enum format { PCAP, PCAP_NS, PCAPNG };

struct output {
	FILE *file;
	enum format format;
	bool swap;
	bool described; /* the head is written; in pcapng the interfaces, too */
};

/* The interfaces of a pcapng: one for each link type. */
static const uint32_t links[] = { ON_ETHERNET, ON_SLL, ON_SLL2, ON_RAW, ON_NULL, ON_LOOP };
static const char *const link_names[] = { "ethernet", "sll", "sll2", "raw", "null", "loop" };
#define LINKS (sizeof(links) / sizeof(links[0]))

static void usage(void)
{
	fputs("usage: generate [--seed N] [--count N] [--hurt PER_MILLE] [--kinds KIND,...]\n"
	      "                [--mix all|plain|bulk|small|imix] [--flows N] [--unfinished]\n"
	      "                [--link ethernet|sll|sll2|raw|null|loop] [--truth FILE]\n"
	      "                [--format pcap|pcap-ns|pcapng] [--swap] FILE|-\n",
	      stderr);
	exit(2);
}

static int by_name(const char *name, const char *const names[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(name, names[i]) == 0)
			return (int)i;
	}
	fprintf(stderr, "generate: %s?\n", name);
	exit(2);
}

static void put(const void *data, size_t len, FILE *file)
{
	if (fwrite(data, 1, len, file) != len) {
		perror("generate");
		exit(3);
	}
}

static void number(const struct output *output, uint32_t value)
{
	value = output->swap ? __builtin_bswap32(value) : value;
	put(&value, 4, output->file);
}

static void half(const struct output *output, uint16_t value)
{
	value = output->swap ? __builtin_bswap16(value) : value;
	put(&value, 2, output->file);
}

static void write_head(struct output *output, uint32_t link)
{
	output->described = true;
	if (output->format != PCAPNG) {
		number(output, output->format == PCAP ? 0xa1b2c3d4 : 0xa1b23c4d);
		half(output, 2);
		half(output, 4);
		number(output, 0);
		number(output, 0);
		number(output, PACKET_HEAD + PACKET_MAX);
		number(output, link);
		return;
	}
	number(output, 0x0a0d0d0a);
	number(output, 28);
	number(output, 0x1a2b3c4d);
	half(output, 1);
	half(output, 0);
	number(output, UINT32_MAX);
	number(output, UINT32_MAX);
	number(output, 28);
	for (size_t i = 0; i < LINKS; i++) {
		number(output, 1);
		number(output, 32);
		half(output, (uint16_t)links[i]);
		half(output, 0);
		number(output, 0);
		half(output, 9); /* if_tsresol: nanoseconds */
		half(output, 1);
		put((uint8_t[]){ 9, 0, 0, 0 }, 4, output->file);
		number(output, 0);
		number(output, 32);
	}
}

static void write_packet(struct output *output, const struct packet *packet)
{
	static const uint8_t zero[4];
	uint32_t len = packet->end - packet->start, pad = -packet->captured & 3;
	uint64_t ns = (uint64_t)packet->time_ns;
	uint32_t interface = 0;

	if (!output->described)
		write_head(output, packet->link);
	if (output->format == PCAPNG) {
		while (links[interface] != packet->link)
			interface++;
		number(output, 6);
		number(output, 32 + packet->captured + pad);
		number(output, interface);
		number(output, (uint32_t)(ns >> 32));
		number(output, (uint32_t)ns);
	} else {
		number(output, (uint32_t)(ns / 1000000000));
		number(output, (uint32_t)(ns % 1000000000 / (output->format == PCAP ? 1000 : 1)));
	}
	number(output, packet->captured);
	number(output, len);
	put(packet->data + packet->start, packet->captured, output->file);
	if (output->format != PCAPNG)
		return;
	put(zero, pad, output->file);
	number(output, 32 + packet->captured + pad);
}

/* How far out the damage reaches: routers rewrite network headers, and translators ports, too. */
static const char *where(const struct packet *packet)
{
	const struct covered *inner = &packet->cover[0];
	uint32_t header = inner->header, payload = inner->header + inner->header_len;

	if (!packet->hurt)
		return "-";
	if (packet->datagram || !packet->covers)
		return "network";
	if (memcmp(packet->data + packet->start, packet->pristine + packet->start,
		   header - packet->start))
		return "network";
	if (memcmp(packet->data + header, packet->pristine + header, payload - header))
		return "header";
	return "payload";
}

static void write_truth(FILE *file, const struct packet *packet)
{
	fprintf(file, "%llu\t%s\t%s\t%s\t%s\t", (unsigned long long)packet->number,
		hurt_names[packet->hurt], expect_names[packet->expect], doubt_names[packet->doubt],
		where(packet));
	for (size_t i = packet->covers; i-- > 0;)
		fprintf(file, "%s=%s%s", of_names[packet->cover[i].of],
			truth_names[packet->cover[i].was], i ? "," : "");
	fputc('\n', file);
}

static uint32_t kinds_of(char *list)
{
	uint32_t kinds = 0;

	for (char *word = strtok(list, ","); word; word = strtok(NULL, ","))
		kinds |= 1U << by_name(word, hurt_names, HURT_KINDS);
	return kinds;
}

/* As the packet looks before a device finishes the innermost sum with a pseudo-header. */
static void unfinish(struct packet *packet)
{
	const struct covered *cover = &packet->cover[0];
	uint16_t sum = packet->covers && cover->addr_len ? pseudo_sum(packet, cover, true) : 0;

	if (!sum)
		return;
	packet->data[cover->field] = (uint8_t)(sum >> 8);
	packet->data[cover->field + 1] = (uint8_t)sum;
}

static void close_file(FILE *file)
{
	if (file && (fflush(file) != 0 || fclose(file) != 0)) {
		perror("generate");
		exit(3);
	}
}

static FILE *open_file(const char *path)
{
	FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");

	if (!file) {
		perror(path);
		exit(3);
	}
	setvbuf(file, NULL, _IOFBF, 1 << 20);
	return file;
}

int main(int argc, char **argv)
{
	static const char *const formats[] = { "pcap", "pcap-ns", "pcapng" };
	static const struct option long_options[] = { { "seed", required_argument, NULL, 's' },
						      { "count", required_argument, NULL, 'n' },
						      { "hurt", required_argument, NULL, 'h' },
						      { "kinds", required_argument, NULL, 'k' },
						      { "mix", required_argument, NULL, 'm' },
						      { "flows", required_argument, NULL, 'F' },
						      { "link", required_argument, NULL, 'l' },
						      { "truth", required_argument, NULL, 't' },
						      { "format", required_argument, NULL, 'f' },
						      { "unfinished", no_argument, NULL, 'u' },
						      { "swap", no_argument, NULL, 'x' },
						      { NULL, 0, NULL, 0 } };
	struct generator_options options = {
		.seed = 1, .count = 1000, .link = UINT32_MAX, .little = true
	};
	struct output output = { .format = PCAP };
	struct generator *generator;
	const struct packet *packet;
	static struct packet copy;
	bool unfinished = false;
	FILE *truth = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case 's':
			options.seed = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			options.count = strtoull(optarg, NULL, 10);
			break;
		case 'h':
			options.hurt = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'k':
			options.kinds = kinds_of(optarg);
			break;
		case 'm':
			options.mix = (enum mix)by_name(optarg, mix_names, MIX_KINDS);
			break;
		case 'F':
			options.flows = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'l':
			options.link = links[by_name(optarg, link_names, LINKS)];
			break;
		case 't':
			truth = open_file(optarg);
			break;
		case 'f':
			output.format = (enum format)by_name(optarg, formats, 3);
			break;
		case 'u':
			unfinished = true;
			break;
		case 'x':
			output.swap = true;
			break;
		default:
			usage();
		}
	}
	if (optind + 1 != argc)
		usage();
	/* A pcap has one link type. */
	if (output.format != PCAPNG && options.link == UINT32_MAX)
		options.link = ON_ETHERNET;
	options.little = !output.swap;
	output.file = open_file(argv[optind]);
	generator = generator_new(&options);
	while ((packet = generator_next(generator))) {
		if (unfinished) {
			copy = *packet;
			unfinish(&copy);
		}
		write_packet(&output, unfinished ? &copy : packet);
		if (truth)
			write_truth(truth, packet);
	}
	generator_free(generator);
	close_file(output.file);
	close_file(truth);
	return 0;
}
