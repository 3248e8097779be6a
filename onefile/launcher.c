// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The launcher of the one file: see onefile.h. What the kernel does with a program and its loader
 * (fs/binfmt_elf.c) is done again here, for those in the launcher's own file: each segment is
 * mapped, the auxiliary vector says where they are, and the loader starts with the stack as it was.
 * So nothing is copied, /proc/self/exe is the one file, and the process keeps its name.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "onefile.h"

extern const ElfW(Ehdr) __ehdr_start; /* the linker's: the launcher's own first byte */

enum { PROGRAM, LOADER, LIBRARIES };

static size_t page;

__attribute__((noreturn)) static void give_up(const char *what)
{
	int error = errno;

	fprintf(stderr, "truesum: cannot %s: %s.\n", what, strerror(error));
	if (error == EACCES || error == EPERM)
		fputs("This host forbids to map libraries from memory (SELinux or AppArmor): allow it to "
		      "this\nprogram, or install truesum's package.\n",
		      stderr);
	if (error == ENOENT)
		fputs("Is /proc mounted?\n", stderr);
	exit(3);
}

/* Where in the launcher's file the byte at this address is. */
static size_t offset_of(const char *address)
{
	const char *base = (const char *)&__ehdr_start;
	const ElfW(Phdr) *phdr = (const void *)(base + __ehdr_start.e_phoff);
	size_t at = (size_t)(address - base);

	for (int i = 0; i < __ehdr_start.e_phnum; i++)
		if (phdr[i].p_type == PT_LOAD && at >= phdr[i].p_vaddr &&
		    at < phdr[i].p_vaddr + phdr[i].p_filesz)
			return at - phdr[i].p_vaddr + phdr[i].p_offset;
	errno = ENOEXEC;
	give_up("find its parts");
}

static int protection(const ElfW(Phdr) * phdr)
{
	return (phdr->p_flags & PF_R ? PROT_READ : 0) | (phdr->p_flags & PF_W ? PROT_WRITE : 0) |
	       (phdr->p_flags & PF_X ? PROT_EXEC : 0);
}

static size_t round_up(size_t value)
{
	return (value + page - 1) & ~(page - 1);
}

/* Maps one segment into the room at `base`; what the file does not have of it is zero. */
static void map_segment(int fd, size_t part_at, char *base, const ElfW(Phdr) * phdr)
{
	size_t skew = phdr->p_vaddr & (page - 1);
	char *start = base + phdr->p_vaddr - skew, *end = base + phdr->p_vaddr + phdr->p_filesz;
	char *whole = (char *)round_up((uintptr_t)end);
	char *last = base + phdr->p_vaddr + phdr->p_memsz;

	if (mmap(start, phdr->p_filesz + skew, protection(phdr), MAP_PRIVATE | MAP_FIXED, fd,
		 (off_t)(part_at + phdr->p_offset - skew)) == MAP_FAILED)
		give_up("map the program");
	if (phdr->p_memsz == phdr->p_filesz)
		return;
	memset(end, 0, (size_t)(whole - end));
	if (last > whole && mmap(whole, (size_t)(last - whole), protection(phdr),
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		give_up("map the program");
}

/* Maps a part that is position independent. Returns where its first byte is. */
static char *map_part(int fd, const struct onefile_part *part)
{
	const ElfW(Ehdr) *head = (const void *)part->start;
	const ElfW(Phdr) *phdr = (const void *)(part->start + head->e_phoff);
	size_t size = 0, at = offset_of(part->start);
	char *base;

	for (int i = 0; i < head->e_phnum; i++)
		if (phdr[i].p_type == PT_LOAD)
			size = round_up(phdr[i].p_vaddr + phdr[i].p_memsz);
	base = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		give_up("map the program");
	for (int i = 0; i < head->e_phnum; i++)
		if (phdr[i].p_type == PT_LOAD)
			map_segment(fd, at, base, &phdr[i]);
	return base;
}

static uintptr_t entry_of(const char *base)
{
	return (uintptr_t)base + ((const ElfW(Ehdr) *)(const void *)base)->e_entry;
}

/* The auxiliary vector, behind the environment, then describes program and loader. */
static void describe(char **argv, const char *program, const char *loader)
{
	const ElfW(Ehdr) *head = (const void *)program;
	char **end = argv;

	for (int lists = 0; lists < 2; lists++)
		while (*end++)
			;
	for (ElfW(auxv_t) *aux = (void *)end; aux->a_type != AT_NULL; aux++) {
		if (aux->a_type == AT_PHDR)
			aux->a_un.a_val = (uintptr_t)program + head->e_phoff;
		if (aux->a_type == AT_PHNUM)
			aux->a_un.a_val = head->e_phnum;
		if (aux->a_type == AT_ENTRY)
			aux->a_un.a_val = entry_of(program);
		if (aux->a_type == AT_BASE)
			aux->a_un.a_val = (uintptr_t)loader;
	}
}

/* The stack as the kernel made it begins with argc, before argv. */
__attribute__((noreturn)) static void jump(uintptr_t entry, char **argv)
{
	uintptr_t *stack = (uintptr_t *)argv - 1;

#if defined(__x86_64__)
	__asm__ volatile("mov %0, %%rsp\n\txor %%edx, %%edx\n\txor %%ebp, %%ebp\n\tjmp *%1"
			 :
			 : "r"(stack), "r"(entry)
			 : "rdx", "memory");
#elif defined(__aarch64__)
	__asm__ volatile("mov sp, %0\n\tmov x0, #0\n\tmov x29, #0\n\tmov x30, #0\n\tbr %1"
			 :
			 : "r"(stack), "r"(entry)
			 : "x0", "x30", "memory");
#else
#error "the launcher does not know this processor"
#endif
	__builtin_unreachable();
}

int main(int argc, char **argv)
{
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *program, *loader;

	(void)argc;
	page = (size_t)getauxval(AT_PAGESZ);
	if (self < 0)
		give_up("open its own file");
	program = map_part(self, &onefile_part[PROGRAM]);
	loader = map_part(self, &onefile_part[LOADER]);
	close(self);
	for (size_t i = LIBRARIES; i < onefile_part_count; i++) {
		int fd = onefile_open(&onefile_part[i]);

		if (fd < 0 || dup3(fd, ONEFILE_FIRST_FD + (int)(i - LIBRARIES), O_CLOEXEC) < 0)
			give_up("put a library into memory");
		close(fd);
	}
	describe(argv, program, loader);
	jump(entry_of(loader), argv);
}
