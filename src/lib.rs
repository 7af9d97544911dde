//! AF_XDP sockets whose frames have one owner by type.
