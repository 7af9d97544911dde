// SPDX-License-Identifier: GPL-2.0 OR MIT
//
// The XDP program: takes the packets that rules name, or all frames, to AF_XDP sockets, and passes everything else to the
// kernel.
//
// Every frame gets exactly one verdict, and the counter of that verdict goes up by one:
//
//   verdict     returns        when
//   taken       XDP_REDIRECT   a packet that a rule names, or any frame where all are taken, and a socket at this receive queue
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
//   IPv6        fewer than 40 bytes, version not 6, payload length beyond the frame: malformed
//   UDP         fewer than 8 bytes up to the end, length under 8, or length beyond the end: malformed
//   rules       no rule names the packet: passed
//   only        where frames are limited to one destination MAC address: any other, or to certain VLANs: any tag but one of
//               these, or of no VLAN (identifier 0): passed
//
// What an IP packet carries is, for rules, one of four:
//
//   UDP         a whole datagram
//   TCP         20 bytes or more up to the end
//   ICMP        ICMP in IPv4, ICMPv6 in IPv6
//   other       any other protocol; TCP of fewer bytes; a fragment, first ones too: the later ones carry no ports, so who takes
//               one must have all; in IPv6 any extension header
//
// A rule is of one IP version. It names a packet if all of these hold; rules only ever take, so their order is of no
// consequence:
//
//   protocol    the one that the packet carries, or any, which includes other
//   ports       of UDP and TCP: the destination port is one of the rule's, from first to last
//   to, from    the first bits of destination and source address are the rule's
//   VLAN        the rule has none, or it is the frame's: that of its one tag; 0, without a tag. A frame with two has none.
//
// Where all frames are taken, rules and everything above Ethernet don't count, and no more is read than the limit asks for:
//
//   only        limited to one MAC address: fewer than 14 bytes: malformed; another address: passed
//               limited to certain VLANs: a header cut off as above: malformed; two tags, or one of another VLAN: passed
//               else: taken, or no_socket
//
// Not looked at: source MAC address, IPv4 options and header checksum, TCP header but for the port, ICMP header, UDP
// checksum. A tag that the network card took off (rxvlan offload) isn't in the frame and can't be seen here.
//
// How rules are found. A UDP or TCP packet costs one load from an array by its port, which says three things: that rules name
// all that carries this protocol to this port, so the packet is taken; that no rule names this port, so it isn't; or which
// *shapes* of rules name it. Rules of one shape differ only in the bits that they compare: they have the protocol, both
// lengths of prefixes, and whether there is a VLAN in common, and either one port each or the same range of several. So
// one lookup in a hash decides about all rules of a shape, be they one or thousands, and a packet costs at most SHAPES
// lookups. ICMP and other have no ports, and begin with the shapes. There are SHAPES for each IP version, and RULES
// rules of shapes; rules for UDP or TCP ports alone are bits of the array, as many as there are ports.
//
// The lengths that IP headers give are added to packet pointers, which the verifier allows only with CAP_PERFMON.
// Loops are short and bounded, so that the verifiers of all kernels that can attach by link (5.9) accept them.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VLAN_TAGS_MAX 2
#define VLAN_ID 0x0fff /* of a tag's control information; 0 is no VLAN, only a priority */
#define TWO_TAGS 0x1000 /* in the place of an identifier; none is this */
#define QUEUES_COUNTED 64 /* mirrored in strays.rs */
#define IPV4_FRAGMENT 0x3fff /* "more fragments" and the 13 bits of the offset */
#define SHAPES 16 /* for each IP version. Mirrored in layout.rs */
#define RULES 8192 /* likewise */

// What an IP packet carries. Mirrored in layout.rs.
enum carried { UDP, TCP, ICMP, OTHER, CARRIED };
enum version { IPV4, IPV6, VERSIONS };

// The bit of `whole` for all that carries this to the port, UDP or TCP. Mirrored in layout.rs.
#define WHOLE(carried, version) (1 << ((carried) * VERSIONS + (version)))

// What rules say of a port. Mirrored in layout.rs.
struct port {
	__u16 whole;
	__u16 shapes[VERSIONS]; /* a bit for each shape with a rule that names it */
	__u16 unused;
};

// What a rule compares. Mirrored in layout.rs.
struct ipv4_key {
	__u16 shape; /* its index, host byte order */
	__u16 vlan; /* host byte order */
	__be16 port; /* 0, if the shape is of one range */
	__u16 zero;
	__be32 to;
	__be32 from;
};

struct ipv6_key {
	__u16 shape;
	__u16 vlan;
	__be16 port;
	__u16 zero;
	__be32 to[4];
	__be32 from[4];
};

// The bits of a packet that are compared. Mirrored in layout.rs.
struct ipv4_mask {
	__be32 to;
	__be32 from;
	__u16 vlan;
	__u16 port;
};

struct ipv6_mask {
	__be32 to[4];
	__be32 from[4];
	__u16 vlan;
	__u16 port;
};

// Mirrored in layout.rs.
struct shapes {
	__u16 of[VERSIONS][CARRIED]; /* a bit for each shape of rules that name what carries this */
	__u16 has_tcp[VERSIONS]; /* 0: no rule names TCP of any kind, so that it passes at once */
	struct ipv4_mask ipv4[SHAPES];
	struct ipv6_mask ipv6[SHAPES];
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
// most packets, those to a port that is taken whole and those to no port of ours, need no other. It takes half a MiB.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct port);
} xskit_ports SEC(".maps");

// An element takes memory only when it is there.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RULES);
	__type(key, struct ipv4_key);
	__type(value, __u8);
} xskit_ipv4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RULES);
	__type(key, struct ipv6_key);
	__type(value, __u8);
} xskit_ipv6 SEC(".maps");

// Maps as well, of one element each and by the names of their sections; but the program has their addresses.
struct only xskit_only SEC(".bss.only");
struct shapes xskit_shapes SEC(".bss.shapes");

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

enum verdict { PASSED, MALFORMED, MATCHED, ASK };

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

// The number of the lowest of up to 16 shapes, of which there is one. By counting the bits below it, without a branch: the
// verifier would follow both sides, in each turn of the loop.
static __always_inline __u32 lowest_of(__u32 shapes)
{
	__u32 below = (shapes & -shapes) - 1;

	below -= below >> 1 & 0x5555;
	below = (below & 0x3333) + (below >> 2 & 0x3333);
	below = (below + (below >> 4)) & 0x0f0f;
	return (below + (below >> 8)) & (SHAPES - 1);
}

// Does a rule of these shapes name the packet at this offset, behind at most two tags? A global function, which the verifier
// goes through once, by itself, and not for each way that leads to it: that took it ten times as long. So it finds the packet
// anew; one that isn't there has no rule.
__noinline int has_ipv4_rule(struct xdp_md *ctx, __u32 offset, __u32 shapes, __u32 vlan, __u32 port)
{
	const struct iphdr *ip = (void *)(long)ctx->data + (offset & 31);
	__u32 i;

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return 0;

#pragma clang loop unroll(disable)
	for (i = 0; i < SHAPES && shapes; i++, shapes &= shapes - 1) {
		__u32 shape = lowest_of(shapes);
		const struct ipv4_mask *mask = &xskit_shapes.ipv4[shape];
		struct ipv4_key key;

		key.shape = shape;
		key.vlan = vlan & mask->vlan;
		key.port = port & mask->port;
		key.zero = 0;
		key.to = ip->daddr & mask->to;
		key.from = ip->saddr & mask->from;
		if (bpf_map_lookup_elem(&xskit_ipv4, &key))
			return 1;
	}
	return 0;
}

static __always_inline void and_ipv6(__be32 *out, const struct in6_addr *address, const __be32 *mask)
{
	const __be32 *words = address->in6_u.u6_addr32;

	out[0] = words[0] & mask[0];
	out[1] = words[1] & mask[1];
	out[2] = words[2] & mask[2];
	out[3] = words[3] & mask[3];
}

__noinline int has_ipv6_rule(struct xdp_md *ctx, __u32 offset, __u32 shapes, __u32 vlan, __u32 port)
{
	const struct ipv6hdr *ip = (void *)(long)ctx->data + (offset & 31);
	__u32 i;

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return 0;

#pragma clang loop unroll(disable)
	for (i = 0; i < SHAPES && shapes; i++, shapes &= shapes - 1) {
		__u32 shape = lowest_of(shapes);
		const struct ipv6_mask *mask = &xskit_shapes.ipv6[shape];
		struct ipv6_key key;

		key.shape = shape;
		key.vlan = vlan & mask->vlan;
		key.port = port & mask->port;
		key.zero = 0;
		and_ipv6(key.to, &ip->daddr, mask->to);
		and_ipv6(key.from, &ip->saddr, mask->from);
		if (bpf_map_lookup_elem(&xskit_ipv6, &key))
			return 1;
	}
	return 0;
}

// What decides where a port doesn't: these shapes, with this port.
struct question {
	__u32 shapes;
	__be16 port;
};

static __always_inline enum verdict ask(struct question *question, __u32 shapes, __be16 port)
{
	question->shapes = shapes;
	question->port = port;
	return shapes ? ASK : PASSED;
}

// The same for what has ports.
static __always_inline enum verdict ask_port(struct question *question, enum version version, enum carried carried,
					     __be16 be_port)
{
	__u32 index = bpf_ntohs(be_port);
	const struct port *port = bpf_map_lookup_elem(&xskit_ports, &index);

	if (!port) /* can't happen; the verifier doesn't know */
		return PASSED;
	if (port->whole & WHOLE(carried, version))
		return MATCHED;
	if (!port->shapes[version]) /* most ports */
		return PASSED;
	return ask(question, port->shapes[version] & xskit_shapes.of[version][carried], be_port);
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

// A packet with `payload_len` bytes at `payload`, which are known to lie in the frame.
static __always_inline enum verdict read_payload(struct question *question, enum version version, __u8 protocol,
						 void *payload, void *frame_end, __u32 payload_len)
{
	if (protocol == IPPROTO_UDP) {
		struct udphdr *udp = read_udp(payload, frame_end, payload_len);

		return udp ? ask_port(question, version, UDP, udp->dest) : MALFORMED;
	}
	if (protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = payload;

		if (!xskit_shapes.has_tcp[version])
			return PASSED;
		// Not beyond the frame, if not beyond the payload; the verifier doesn't know.
		if (payload_len >= sizeof(*tcp) && (void *)(tcp + 1) <= frame_end)
			return ask_port(question, version, TCP, tcp->dest);
	}
	if (protocol == (version == IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return ask(question, xskit_shapes.of[version][ICMP], 0);
	return ask(question, xskit_shapes.of[version][OTHER], 0);
}

static __always_inline enum verdict read_ipv4(struct question *question, struct iphdr *ip, void *frame_end)
{
	__u32 header_len, total_len;

	if ((void *)(ip + 1) > frame_end || ip->version != 4)
		return MALFORMED;
	header_len = ip->ihl * 4;
	total_len = bpf_ntohs(ip->tot_len);
	if (header_len < sizeof(*ip) || total_len < header_len || (void *)ip + total_len > frame_end)
		return MALFORMED;
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENT))
		return ask(question, xskit_shapes.of[IPV4][OTHER], 0);
	return read_payload(question, IPV4, ip->protocol, (void *)ip + header_len, frame_end, total_len - header_len);
}

static __always_inline enum verdict read_ipv6(struct question *question, struct ipv6hdr *ip, void *frame_end)
{
	__u32 payload_len;

	if ((void *)(ip + 1) > frame_end || ip->version != 6)
		return MALFORMED;
	payload_len = bpf_ntohs(ip->payload_len);
	if ((void *)(ip + 1) + payload_len > frame_end)
		return MALFORMED;
	return read_payload(question, IPV6, ip->nexthdr, ip + 1, frame_end, payload_len);
}

static __always_inline int is_to_mac(const struct ethernet *eth)
{
	const __u16 *mac = xskit_only.mac;

	return !((eth->to[0] ^ mac[0]) | (eth->to[1] ^ mac[1]) | (eth->to[2] ^ mac[2]));
}

static __always_inline int is_of_vlans(__u32 vlan)
{
	return !vlan || (vlan != TWO_TAGS && xskit_only.vlans[vlan / 64 % 64] & 1ULL << vlan % 64);
}

// Whether frames like this one are taken: asked last, since most frames have been passed by then.
static __always_inline int is_allowed(const struct ethernet *eth, __u32 vlan)
{
	__u32 flags = xskit_only.flags;

	return !((flags & HAS_MAC && !is_to_mac(eth)) || (flags & HAS_VLANS && !is_of_vlans(vlan)));
}

// What stands before the packet.
struct head {
	struct ethernet *eth;
	void *packet;
	__u32 vlan; /* of the only tag; 0 without one */
	__be16 ethertype;
};

static __always_inline enum verdict read_head(void *frame, void *frame_end, struct head *head)
{
	struct ethernet *eth = frame;
	__u32 tags;

	if ((void *)(eth + 1) > frame_end)
		return MALFORMED;
	head->eth = eth;
	head->packet = eth + 1;
	head->vlan = 0;
	head->ethertype = eth->ethertype;

	for (tags = 0; tags < VLAN_TAGS_MAX; tags++) {
		struct vlan_tag *tag = head->packet;

		if (!is_vlan(head->ethertype))
			break;
		if ((void *)(tag + 1) > frame_end)
			return MALFORMED;
		head->ethertype = tag->ethertype;
		head->vlan = tags ? TWO_TAGS : bpf_ntohs(tag->control) & VLAN_ID;
		head->packet = tag + 1;
	}
	return MATCHED;
}

static __always_inline enum verdict read_frame(struct xdp_md *ctx, void *frame, void *frame_end)
{
	struct head head;
	struct question question;
	enum verdict verdict = read_head(frame, frame_end, &head);
	int has_rule = 0;

	if (verdict != MATCHED)
		return verdict;
	if (head.ethertype == bpf_htons(ETH_P_IP)) {
		verdict = read_ipv4(&question, head.packet, frame_end);
		if (verdict == ASK)
			has_rule = has_ipv4_rule(ctx, head.packet - frame, question.shapes, head.vlan, question.port);
	} else if (head.ethertype == bpf_htons(ETH_P_IPV6)) {
		verdict = read_ipv6(&question, head.packet, frame_end);
		if (verdict == ASK)
			has_rule = has_ipv6_rule(ctx, head.packet - frame, question.shapes, head.vlan, question.port);
	} else {
		return PASSED;
	}
	if (verdict == ASK)
		verdict = has_rule ? MATCHED : PASSED;
	return verdict == MATCHED && !is_allowed(head.eth, head.vlan) ? PASSED : verdict;
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
	return is_allowed(eth, head.vlan) ? MATCHED : PASSED;
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
	verdict = flags & TAKE_ALL ? read_limited(frame, frame_end) : read_frame(ctx, frame, frame_end);
	if (verdict == MATCHED)
		return deliver(ctx, counters);
	return pass(verdict == MALFORMED ? &counters->malformed : &counters->passed);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
