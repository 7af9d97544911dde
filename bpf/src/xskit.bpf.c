// SPDX-License-Identifier: GPL-2.0 OR MIT
//
// The XDP program: takes chosen UDP datagrams, or all frames, to AF_XDP sockets, and passes everything else to the kernel.
//
// Every frame gets exactly one verdict, and the counter of that verdict goes up by one:
//
//   verdict     returns        when
//   taken       XDP_REDIRECT   a whole UDP datagram and a rule for its destination, or any frame where all are taken; and a
//                              socket at this receive queue
//   no_socket   XDP_PASS       as taken, but no socket is registered for this receive queue
//   malformed   XDP_PASS       a header is cut off, or a length in it can't be true (list below)
//   passed      XDP_PASS       everything else
//
// A frame is read in this order, and the first line that applies decides. "End" is the end of the frame for Ethernet and
// VLAN, and the end of the packet *by the IP header* afterwards: short frames are padded to 60 bytes, so bytes after the
// IP packet are no error and belong to nobody.
//
//   Ethernet    fewer than 14 bytes: malformed
//   VLAN        up to two tags, each 0x8100 or 0x88a8: a tag without its 4 bytes: malformed; a third tag: passed
//   EtherType   neither IPv4 nor IPv6: passed
//   IPv4        fewer than 20 bytes, version not 4, header length under 20 or beyond the frame, total length under the
//               header length or beyond the frame: malformed
//               a fragment (first ones too: the later ones carry no ports, so the kernel must have all): passed
//               protocol not UDP: passed
//   IPv6        fewer than 40 bytes, version not 6, payload length beyond the frame: malformed
//               next header not UDP, that is, also any extension header: passed
//   UDP         fewer than 8 bytes up to the end, length under 8, or length beyond the end: malformed
//   rules       no rule for (port, any address of this family) nor for (port, address): passed
//   only        where frames are limited to one destination MAC address: any other, or to certain VLANs: any tag but one of
//               these, or of no VLAN (identifier 0): passed
//
// Where all frames are taken, rules and everything above Ethernet don't count, and no more is read than the limit asks for:
//
//   only        limited to one MAC address: fewer than 14 bytes: malformed; another address: passed
//               limited to certain VLANs: a header cut off as above: malformed; two tags, or one of another VLAN: passed
//               else: taken, or no_socket
//
// Not looked at: source MAC address, IPv4 options and header checksum, UDP checksum, source address and port.
// A tag that the network card took off (rxvlan offload) isn't in the frame and can't be seen here.
//
// The lengths that IP headers give are added to packet pointers, which the verifier allows only with CAP_PERFMON.
// The longest path is short and loops twice at most, so that the verifiers of all kernels that can attach by link (5.9) accept it.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VLAN_TAGS_MAX 2
#define VLAN_ID 0x0fff /* of a tag's control information; 0 is no VLAN, only a priority */
#define QUEUES_COUNTED 64 /* mirrored in strays.rs */
#define IPV4_FRAGMENT 0x3fff /* "more fragments" and the 13 bits of the offset */

// What is taken of a port. Mirrored in rule.rs.
#define ANY_IPV4 1 /* datagrams to any IPv4 address */
#define ANY_IPV6 2
#define SOME_ADDRESS 4 /* xskit_addresses may have a rule for this port: it has, had, or was full when asked for one */

// A datagram's port and address. Mirrored in rule.rs.
struct destination {
	__u16 family; /* 4 or 6, host byte order */
	__be16 port;
	__u8 address[16]; /* IPv4: the first 4 bytes, the rest zero */
};

// Flags of `struct only`. Mirrored in only.rs.
#define TAKE_ALL 1 /* whatever a frame carries */
#define HAS_MAC 2 /* only frames to this address */
#define HAS_VLANS 4 /* only frames without a tag, or with one of these VLANs */

// Which frames are taken at all. Mirrored in only.rs.
struct only {
	__u16 flags;
	__u16 mac[3];
	__u64 vlans[4096 / 64]; /* a bit each */
};

// Mirrored in counters.rs, in this order.
struct counters {
	__u64 taken;
	__u64 passed;
	__u64 malformed;
	__u64 no_socket;
};

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1); /* the loader sets the number of queues */
	__type(key, __u32);
	__type(value, __u32);
} xskit_sockets SEC(".maps");

// By port, in host byte order. An array, because the verifier makes a lookup in one a few instructions without a call:
// most datagrams, those to a port at any address and those to no port of ours, need no other. The kernel rounds its
// values up to 8 bytes, so it takes half a MiB.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u8);
} xskit_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct destination);
	__type(value, __u8);
} xskit_addresses SEC(".maps");

// A map as well, of one element and by the name of its section; but the program has its address.
struct only xskit_only SEC(".bss.only");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} xskit_counters SEC(".maps");

// Of the verdict no_socket: how many by receive queue, and in the last element those of all queues from QUEUES_COUNTED on.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, QUEUES_COUNTED + 1);
	__type(key, __u32);
	__type(value, __u64);
} xskit_strays SEC(".maps");

enum verdict { PASSED, MALFORMED, MATCHED };

// As in linux/if_ether.h, but for being packed there, which makes two loads of each field.
struct ethernet {
	__u16 to[3];
	__u16 from[3];
	__be16 ethertype;
};

struct vlan_tag {
	__be16 control;
	__be16 ethertype;
};

static __always_inline int is_vlan(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD);
}

// Is there a rule for this port at any address (the flag `any`), or at this one?
static __always_inline enum verdict match(__be16 be_port, __u8 any, __u16 family, const void *address, __u32 address_len)
{
	__u32 port = bpf_ntohs(be_port);
	const __u8 *rules = bpf_map_lookup_elem(&xskit_ports, &port);

	if (!rules) /* can't happen; the verifier doesn't know */
		return PASSED;
	if (*rules & any)
		return MATCHED;
	if (*rules & SOME_ADDRESS) {
		struct destination destination = { .family = family, .port = be_port };

		__builtin_memcpy(destination.address, address, address_len);
		if (bpf_map_lookup_elem(&xskit_addresses, &destination))
			return MATCHED;
	}
	return PASSED;
}

// The UDP header at `udp`, in an IP payload of `payload_len` bytes that is known to lie in the frame; null if malformed.
static __always_inline struct udphdr *read_udp(struct udphdr *udp, void *frame_end, __u32 payload_len)
{
	__u32 len;

	// Reaches into padding if the payload is shorter than a header; no length there can then pass the next test.
	if ((void *)(udp + 1) > frame_end)
		return NULL;
	len = bpf_ntohs(udp->len);
	return len < sizeof(*udp) || len > payload_len ? NULL : udp;
}

static __always_inline enum verdict read_ipv4(struct iphdr *ip, void *frame_end)
{
	__u32 header_len, total_len;
	struct udphdr *udp;

	if ((void *)(ip + 1) > frame_end || ip->version != 4)
		return MALFORMED;
	header_len = ip->ihl * 4;
	total_len = bpf_ntohs(ip->tot_len);
	if (header_len < sizeof(*ip) || total_len < header_len || (void *)ip + total_len > frame_end)
		return MALFORMED;
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENT) || ip->protocol != IPPROTO_UDP)
		return PASSED;
	udp = read_udp((void *)ip + header_len, frame_end, total_len - header_len);
	return udp ? match(udp->dest, ANY_IPV4, 4, &ip->daddr, sizeof(ip->daddr)) : MALFORMED;
}

static __always_inline enum verdict read_ipv6(struct ipv6hdr *ip, void *frame_end)
{
	__u32 payload_len;
	struct udphdr *udp;

	if ((void *)(ip + 1) > frame_end || ip->version != 6)
		return MALFORMED;
	payload_len = bpf_ntohs(ip->payload_len);
	if ((void *)(ip + 1) + payload_len > frame_end)
		return MALFORMED;
	if (ip->nexthdr != IPPROTO_UDP)
		return PASSED;
	udp = read_udp((void *)(ip + 1), frame_end, payload_len);
	return udp ? match(udp->dest, ANY_IPV6, 6, &ip->daddr, sizeof(ip->daddr)) : MALFORMED;
}

static __always_inline int is_to_mac(const struct ethernet *eth)
{
	const __u16 *mac = xskit_only.mac;

	return !((eth->to[0] ^ mac[0]) | (eth->to[1] ^ mac[1]) | (eth->to[2] ^ mac[2]));
}

static __always_inline int is_of_vlans(__u32 tags, __u32 vlan)
{
	return !vlan || (tags == 1 && xskit_only.vlans[vlan / 64] & 1ULL << vlan % 64);
}

// Whether frames like this one are taken: asked last, since most frames have been passed by then.
static __always_inline int is_allowed(const struct ethernet *eth, __u32 tags, __u32 vlan)
{
	__u32 flags = xskit_only.flags;

	return !((flags & HAS_MAC && !is_to_mac(eth)) || (flags & HAS_VLANS && !is_of_vlans(tags, vlan)));
}

// What stands before the packet.
struct head {
	struct ethernet *eth;
	void *packet;
	__u32 tags;
	__u32 vlan; /* of the last tag */
	__be16 ethertype;
};

static __always_inline enum verdict read_head(void *frame, void *frame_end, struct head *head)
{
	struct ethernet *eth = frame;

	if ((void *)(eth + 1) > frame_end)
		return MALFORMED;
	head->eth = eth;
	head->packet = eth + 1;
	head->vlan = 0;
	head->ethertype = eth->ethertype;

	for (head->tags = 0; head->tags < VLAN_TAGS_MAX; head->tags++) {
		struct vlan_tag *tag = head->packet;

		if (!is_vlan(head->ethertype))
			break;
		if ((void *)(tag + 1) > frame_end)
			return MALFORMED;
		head->ethertype = tag->ethertype;
		head->vlan = bpf_ntohs(tag->control) & VLAN_ID;
		head->packet = tag + 1;
	}
	return MATCHED;
}

static __always_inline enum verdict read_frame(void *frame, void *frame_end)
{
	struct head head;
	enum verdict verdict = read_head(frame, frame_end, &head);

	if (verdict != MATCHED)
		return verdict;
	if (head.ethertype == bpf_htons(ETH_P_IP))
		verdict = read_ipv4(head.packet, frame_end);
	else if (head.ethertype == bpf_htons(ETH_P_IPV6))
		verdict = read_ipv6(head.packet, frame_end);
	else
		return PASSED;
	return verdict == MATCHED && !is_allowed(head.eth, head.tags, head.vlan) ? PASSED : verdict;
}

// Where all frames are taken, but for a limit.
static __always_inline enum verdict read_limited(void *frame, void *frame_end)
{
	struct ethernet *eth = frame;
	struct head head;

	if (!(xskit_only.flags & HAS_VLANS)) {
		if ((void *)(eth + 1) > frame_end)
			return MALFORMED;
		return is_to_mac(eth) ? MATCHED : PASSED;
	}
	if (read_head(frame, frame_end, &head) != MATCHED)
		return MALFORMED;
	return is_allowed(eth, head.tags, head.vlan) ? MATCHED : PASSED;
}

static __always_inline void count_stray(__u32 queue)
{
	__u32 index = queue < QUEUES_COUNTED ? queue : QUEUES_COUNTED;
	__u64 *strays = bpf_map_lookup_elem(&xskit_strays, &index);

	if (strays)
		++*strays;
}

static __always_inline int deliver(struct xdp_md *ctx, struct counters *counters)
{
	// The last argument is the action for a queue without a socket.
	int action = bpf_redirect_map(&xskit_sockets, ctx->rx_queue_index, XDP_PASS);

	if (action == XDP_REDIRECT) {
		counters->taken++;
	} else {
		counters->no_socket++;
		count_stray(ctx->rx_queue_index);
	}
	return action;
}

static __always_inline int pass(__u64 *counter)
{
	++*counter;
	return XDP_PASS;
}

SEC("xdp")
int xskit_take(struct xdp_md *ctx)
{
	__u32 first = 0;
	struct counters *counters = bpf_map_lookup_elem(&xskit_counters, &first);
	__u32 flags = xskit_only.flags;
	void *frame, *frame_end;
	enum verdict verdict;

	if (!counters) /* can't happen; the verifier doesn't know */
		return XDP_PASS;
	// Before anything of the frame is looked at.
	if (flags == TAKE_ALL)
		return deliver(ctx, counters);
	frame = (void *)(long)ctx->data;
	frame_end = (void *)(long)ctx->data_end;
	verdict = flags & TAKE_ALL ? read_limited(frame, frame_end) : read_frame(frame, frame_end);
	if (verdict == MATCHED)
		return deliver(ctx, counters);
	return pass(verdict == MALFORMED ? &counters->malformed : &counters->passed);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
