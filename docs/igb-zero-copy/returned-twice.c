// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * returned-twice: reports each RX descriptor of an AF_XDP socket whose frame the kernel does not own.
 *
 *   returned-twice recv IFACE FRAMES SECONDS [PAUSE_US [copy]]
 *   returned-twice send IFACE DESTINATION-MAC SECONDS
 *
 * `recv` binds queue 0 of IFACE in zero-copy mode, lends FRAMES frames through the fill ring, and
 * after each batch of descriptors lends the same frames again. It remembers where on the fill ring
 * each frame stands. Two pauses of PAUSE_US per batch let the fill ring run dry. `send` floods from
 * another interface by AF_PACKET; each packet carries a sequence number.
 *
 * A descriptor is correct only if its frame was lent and the kernel took it off the fill ring. The
 * rest is counted in two classes:
 *   not lent      the program holds the frame: it came back, and was not lent again
 *   on the ring   the frame was lent again, and its entry still stands on the fill ring
 * Each frame carries a mark while it is lent; a received packet overwrites the mark. So the report
 * also says how many of those descriptors carry no new packet. It also counts the frames that
 * changed while the program held them.
 *
 * The exit code is 0 if every descriptor was correct, 1 if one was not, 2 on any other error.
 *
 * No library: system calls only. Build: cc -O2 -Wall -Wextra -o returned-twice returned-twice.c
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FRAME 4096u
#define RING 4096u
#define ETHERTYPE 0x88b5 /* IEEE 802, local experiments */
#define MARK 0x6c656e74206f7574ull
#define TRACED 24
/* No divisor of a descriptor ring's size: the fill ring is to run dry anywhere in that ring. */
#define BATCH 100u

static void fail(const char *call)
{
	fprintf(stderr, "returned-twice: %s: %s\n", call, strerror(errno));
	exit(2);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* ---- the XDP program: every packet to the socket of its queue ---- */

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int create_map(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_XSKMAP,
		.key_size = 4,
		.value_size = 4,
		.max_entries = 64,
	};
	int fd = bpf(BPF_MAP_CREATE, &attr);

	if (fd < 0)
		fail("bpf(BPF_MAP_CREATE)");
	return fd;
}

static int load_program(int map)
{
	struct bpf_insn program[] = {
		/* r2 = ctx->rx_queue_index; r1 = map; r3 = XDP_PASS; return bpf_redirect_map() */
		{ BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct xdp_md, rx_queue_index), 0 },
		{ BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map },
		{ 0, 0, 0, 0, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, XDP_PASS },
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.expected_attach_type = BPF_XDP,
		.insn_cnt = sizeof(program) / sizeof(program[0]),
		.insns = (uintptr_t)program,
		.license = (uintptr_t)"Dual MIT/GPL",
	};
	int fd = bpf(BPF_PROG_LOAD, &attr);

	if (fd < 0)
		fail("bpf(BPF_PROG_LOAD)");
	return fd;
}

static void attach_program(int program, unsigned int ifindex)
{
	union bpf_attr attr = {
		.link_create.prog_fd = program,
		.link_create.target_ifindex = ifindex,
		.link_create.attach_type = BPF_XDP,
		.link_create.flags = XDP_FLAGS_DRV_MODE,
	};

	if (bpf(BPF_LINK_CREATE, &attr) < 0)
		fail("bpf(BPF_LINK_CREATE)");
}

static void insert_socket(int map, int socket)
{
	uint32_t queue = 0;
	union bpf_attr attr = {
		.map_fd = map,
		.key = (uintptr_t)&queue,
		.value = (uintptr_t)&socket,
	};

	if (bpf(BPF_MAP_UPDATE_ELEM, &attr) < 0)
		fail("bpf(BPF_MAP_UPDATE_ELEM)");
}

/* ---- the socket ---- */

struct ring {
	uint32_t *producer;
	uint32_t *consumer;
	uint32_t *flags;
	void *entries;
};

struct socket_ {
	int fd;
	uint8_t *umem;
	struct ring fill;
	struct ring rx;
};

static uint32_t load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void publish(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static struct ring map_ring(int fd, const struct xdp_ring_offset *at, size_t entry, off_t page)
{
	size_t len = at->desc + RING * entry;
	uint8_t *base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, page);

	if (base == MAP_FAILED)
		fail("mmap of a ring");
	return (struct ring){
		.producer = (uint32_t *)(base + at->producer),
		.consumer = (uint32_t *)(base + at->consumer),
		.flags = (uint32_t *)(base + at->flags),
		.entries = base + at->desc,
	};
}

static void set_option(int fd, int option, const void *value, socklen_t len)
{
	if (setsockopt(fd, SOL_XDP, option, value, len))
		fail("setsockopt(SOL_XDP)");
}

static struct socket_ open_socket(uint32_t frames)
{
	struct socket_ s = { .fd = socket(AF_XDP, SOCK_RAW, 0) };
	struct xdp_umem_reg umem = { .len = (uint64_t)frames * FRAME, .chunk_size = FRAME };
	struct xdp_mmap_offsets at;
	socklen_t len = sizeof(at);
	uint32_t size = RING;

	if (s.fd < 0)
		fail("socket(AF_XDP)");
	s.umem = mmap(NULL, umem.len, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (s.umem == MAP_FAILED)
		fail("mmap of the UMEM");
	umem.addr = (uintptr_t)s.umem;
	set_option(s.fd, XDP_UMEM_REG, &umem, sizeof(umem));
	set_option(s.fd, XDP_UMEM_FILL_RING, &size, sizeof(size));
	set_option(s.fd, XDP_UMEM_COMPLETION_RING, &size, sizeof(size));
	set_option(s.fd, XDP_RX_RING, &size, sizeof(size));
	if (getsockopt(s.fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &len))
		fail("getsockopt(XDP_MMAP_OFFSETS)");
	s.fill = map_ring(s.fd, &at.fr, sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING);
	s.rx = map_ring(s.fd, &at.rx, sizeof(struct xdp_desc), XDP_PGOFF_RX_RING);
	return s;
}

static void bind_socket(int fd, unsigned int ifindex, bool copy)
{
	struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_ifindex = ifindex,
		.sxdp_flags = XDP_USE_NEED_WAKEUP | (copy ? XDP_COPY : XDP_ZEROCOPY),
	};

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		fail(copy ? "bind(XDP_COPY)" : "bind(XDP_ZEROCOPY)");
}

/* ---- what the program knows of each frame ---- */

struct frame {
	bool lent;
	uint32_t position; /* on the fill ring, of the last loan */
	uint64_t sequence; /* of the packet, while the program holds the frame */
	uint32_t rx_index; /* of the descriptor that last returned the frame */
	bool returned;
};

struct counts {
	uint64_t descriptors;
	uint64_t correct;
	uint64_t not_lent;
	uint64_t on_the_ring;
	uint64_t without_packet;
	uint64_t outside;
	uint64_t changed_while_held;
	uint64_t batches;
	uint64_t dry;
	uint32_t most_waiting;
};

static uint64_t *sequence_of(const struct socket_ *s, uint64_t addr)
{
	return (uint64_t *)(s->umem + addr + ETH_HLEN + 2);
}

static uint64_t lent_address(uint32_t index)
{
	return (uint64_t)index * FRAME;
}

/* The kernel's headroom is constant, so the address of a packet in its frame is known once seen. */
static uint64_t packet_offset;

static void lend(struct socket_ *s, struct frame *frames, uint32_t index, uint32_t position)
{
	((uint64_t *)s->fill.entries)[position & (RING - 1)] = lent_address(index);
	*sequence_of(s, lent_address(index) + packet_offset) = MARK;
	frames[index].lent = true;
	frames[index].position = position;
}

static void trace(const struct frame *f, uint32_t index, const struct xdp_desc *d, uint32_t rx_index,
		  uint32_t taken, uint64_t sequence, const char *what)
{
	char packet[40];

	if (sequence == MARK)
		snprintf(packet, sizeof(packet), "none (the mark is intact)");
	else
		snprintf(packet, sizeof(packet), "%llu", (unsigned long long)sequence);
	printf("rx %u addr %#llx len %u: %s;", rx_index, (unsigned long long)d->addr, d->len, what);
	printf(" frame %u at fill %u, kernel took up to %u;", index, f->position, taken);
	if (f->returned)
		printf(" last returned by rx %u, %u before;", f->rx_index, rx_index - f->rx_index);
	printf(" packet %s\n", packet);
}

/* Returns whether the descriptor gave a frame back. `taken` was read after the descriptor. */
static bool check(struct socket_ *s, struct frame *frames, uint32_t count, uint32_t rx_index,
		  uint32_t taken, struct counts *n)
{
	struct xdp_desc d = ((struct xdp_desc *)s->rx.entries)[rx_index & (RING - 1)];
	uint32_t index = d.addr / FRAME;
	struct frame *f = &frames[index];
	uint64_t sequence;
	bool on_the_ring;

	n->descriptors++;
	if (index >= count) {
		n->outside++;
		return false;
	}
	packet_offset = d.addr % FRAME;
	sequence = *sequence_of(s, d.addr);
	on_the_ring = f->lent && (int32_t)(f->position - taken) >= 0;
	if (f->lent && !on_the_ring) {
		n->correct++;
		*f = (struct frame){ .sequence = sequence, .rx_index = rx_index, .returned = true,
				     .position = f->position };
		return true;
	}
	if (n->not_lent + n->on_the_ring < TRACED)
		trace(f, index, &d, rx_index, taken, sequence,
		      f->lent ? "ON THE FILL RING" : "NOT LENT");
	n->without_packet += sequence == (f->lent ? MARK : f->sequence);
	n->not_lent += !f->lent;
	n->on_the_ring += on_the_ring;
	return false;
}

static void receive(struct socket_ *s, uint32_t count, double seconds, unsigned int pause,
		    struct counts *n)
{
	struct frame *frames = calloc(count, sizeof(*frames));
	uint32_t held[BATCH];
	uint32_t filled = 0, seen = 0;
	double end = now() + seconds;

	for (; filled < count; filled++)
		lend(s, frames, filled, filled);
	publish(s->fill.producer, filled);
	while (now() < end) {
		struct pollfd p = { .fd = s->fd, .events = POLLIN };
		uint32_t produced, end_of_batch, taken, holding = 0;

		poll(&p, 1, 100);
		produced = load(s->rx.producer);
		/* The kernel publishes RX descriptors before it releases the fill ring's consumer.
		 * The pause gives it the time: what is still on the fill ring then was not taken.
		 */
		usleep(pause);
		taken = load(s->fill.consumer);
		if (produced == seen)
			continue;
		n->batches++;
		n->dry += taken == filled;
		if (produced - seen > n->most_waiting)
			n->most_waiting = produced - seen;
		end_of_batch = produced - seen > BATCH ? seen + BATCH : produced;
		for (; seen != end_of_batch; seen++) {
			uint32_t index =
				((struct xdp_desc *)s->rx.entries)[seen & (RING - 1)].addr / FRAME;

			if (check(s, frames, count, seen, taken, n))
				held[holding++] = index;
		}
		publish(s->rx.consumer, seen);
		usleep(pause);
		for (uint32_t i = 0; i < holding; i++) {
			uint32_t index = held[i];
			uint64_t sequence =
				*sequence_of(s, lent_address(index) + packet_offset);

			n->changed_while_held += sequence != frames[index].sequence;
			lend(s, frames, index, filled++);
		}
		publish(s->fill.producer, filled);
	}
}

static int report(int fd, uint32_t frames, const struct counts *n)
{
	struct xdp_statistics kernel;
	socklen_t len = sizeof(kernel);
	uint64_t wrong = n->not_lent + n->on_the_ring + n->outside;

	if (getsockopt(fd, SOL_XDP, XDP_STATISTICS, &kernel, &len))
		fail("getsockopt(XDP_STATISTICS)");
	printf("lent %u, descriptors %llu in %llu batches, correct %llu\n", frames,
	       (unsigned long long)n->descriptors, (unsigned long long)n->batches,
	       (unsigned long long)n->correct);
	printf("fill ring found empty %llu times, most RX descriptors waiting %u\n",
	       (unsigned long long)n->dry, n->most_waiting);
	printf("wrong %llu: not lent %llu, on the ring %llu, outside the UMEM %llu\n",
	       (unsigned long long)wrong, (unsigned long long)n->not_lent,
	       (unsigned long long)n->on_the_ring, (unsigned long long)n->outside);
	printf("wrong without a new packet %llu; frames changed while held %llu\n",
	       (unsigned long long)n->without_packet, (unsigned long long)n->changed_while_held);
	printf("kernel: rx_dropped %llu, rx_ring_full %llu, rx_fill_ring_empty_descs %llu, "
	       "rx_invalid_descs %llu\n",
	       (unsigned long long)kernel.rx_dropped, (unsigned long long)kernel.rx_ring_full,
	       (unsigned long long)kernel.rx_fill_ring_empty_descs,
	       (unsigned long long)kernel.rx_invalid_descs);
	printf(wrong || n->changed_while_held ? "FRAMES RETURNED TWICE\n" : "every descriptor was correct\n");
	return wrong || n->changed_while_held ? 1 : 0;
}

static int recv_main(const char *interface, uint32_t frames, double seconds, unsigned int pause,
		     bool copy)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	unsigned int ifindex = if_nametoindex(interface);
	struct counts n = { 0 };
	struct socket_ s;
	int map;

	if (!ifindex)
		fail(interface);
	if (frames < 1 || frames > RING) {
		fprintf(stderr, "returned-twice: FRAMES is between 1 and %u\n", RING);
		return 2;
	}
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	map = create_map();
	attach_program(load_program(map), ifindex);
	s = open_socket(frames);
	bind_socket(s.fd, ifindex, copy);
	insert_socket(map, s.fd);
	receive(&s, frames, seconds, pause, &n);
	return report(s.fd, frames, &n);
}

/* ---- the sender ---- */

static int send_main(const char *interface, const char *mac, double seconds)
{
	enum { MESSAGES = 64, LEN = 128 };
	static uint8_t packets[MESSAGES][LEN];
	struct mmsghdr messages[MESSAGES] = { 0 };
	struct iovec parts[MESSAGES];
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_ifindex = if_nametoindex(interface),
		.sll_halen = ETH_ALEN,
	};
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	struct ifreq own = { 0 };
	uint64_t sequence = 1;
	double end = now() + seconds;

	if (fd < 0)
		fail("socket(AF_PACKET)");
	strncpy(own.ifr_name, interface, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFHWADDR, &own))
		fail(interface);
	for (int i = 0; i < MESSAGES; i++) {
		uint8_t *p = packets[i];

		if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", p, p + 1, p + 2, p + 3, p + 4, p + 5) != 6) {
			fprintf(stderr, "returned-twice: %s is not a MAC address\n", mac);
			return 2;
		}
		memcpy(p + ETH_ALEN, own.ifr_hwaddr.sa_data, ETH_ALEN);
		p[12] = ETHERTYPE >> 8;
		p[13] = ETHERTYPE & 0xff;
		parts[i] = (struct iovec){ p, LEN };
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = &address, .msg_namelen = sizeof(address),
			.msg_iov = &parts[i], .msg_iovlen = 1,
		};
	}
	while (now() < end) {
		int sent;

		for (int i = 0; i < MESSAGES; i++) {
			uint64_t next = sequence + i;

			memcpy(packets[i] + ETH_HLEN + 2, &next, sizeof(next));
		}
		sent = sendmmsg(fd, messages, MESSAGES, 0);
		if (sent < 0 && errno != ENOBUFS && errno != ENETDOWN)
			fail("sendmmsg");
		sequence += sent > 0 ? sent : 0;
	}
	printf("sent %llu packets\n", (unsigned long long)(sequence - 1));
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc >= 5 && argc <= 7 && !strcmp(argv[1], "recv"))
		return recv_main(argv[2], atoi(argv[3]), atof(argv[4]),
				 argc > 5 ? atoi(argv[5]) : 2000,
				 argc > 6 && !strcmp(argv[6], "copy"));
	if (argc == 5 && !strcmp(argv[1], "send"))
		return send_main(argv[2], argv[3], atof(argv[4]));
	fprintf(stderr, "usage: returned-twice recv IFACE FRAMES SECONDS [PAUSE_US [copy]]\n"
			"       returned-twice send IFACE DESTINATION-MAC SECONDS\n");
	return 2;
}
