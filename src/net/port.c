// SPDX-License-Identifier: GPL-2.0-or-later
/* TAP devices and packet sockets as ports of the wire: see port.h. */
#include "net/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/netns.h"

_Static_assert(PORT_HEADER == sizeof(struct virtio_net_hdr), "the port header is virtio's");

int port_open_tap(int netns_fd, const char *name, int *ret_fd)
{
	_cleanup_(netns_leave) int home = -1;
	_cleanup_close_ int fd = -1;
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int rc = netns_enter(netns_fd, &home);

	if (rc)
		return rc;
	/* The device comes up in the namespace where /dev/net/tun was opened. */
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(-errno, "cannot open /dev/net/tun (is the tun driver there?)");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		return fail_errno(-errno, "cannot create TAP device %s", name);
	/* No offloads: the kernel finishes checksums and segments before we read a frame. */
	if (ioctl(fd, TUNSETOFFLOAD, 0) < 0)
		return fail_errno(-errno, "cannot turn off the offloads of TAP device %s", name);
	/*
	 * Persistent: closing the descriptor then leaves the device to its namespace, which takes
	 * all of its devices away in one go instead of waiting for each.
	 */
	if (ioctl(fd, TUNSETPERSIST, 1) < 0)
		return fail_errno(-errno, "cannot make TAP device %s persistent", name);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int port_open_packet(int netns_fd, int index, int *ret_fd)
{
	_cleanup_(netns_leave) int home = -1;
	_cleanup_close_ int fd = -1;
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_protocol = htons(ETH_P_ALL),
				       .sll_ifindex = index };
	int one = 1, rc = netns_enter(netns_fd, &home);

	if (rc)
		return rc;
	/* Protocol 0 receives nothing until bind() names the device: no stray frame gets in. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return fail_errno(-errno, "cannot open a packet socket on device %d", index);
	*ret_fd = TAKE_FD(fd);
	return 0;
}
