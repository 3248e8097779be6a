// SPDX-License-Identifier: GPL-2.0-or-later
/* The reader of pcap files: see reader_oracle.h. */
#include "reader_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	reader_oracle(data, size);
	return 0;
}
