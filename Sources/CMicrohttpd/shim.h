#pragma once
#include <microhttpd.h>

// MHD_start_daemon is variadic, so Swift cannot call it: one daemon on a listening socket of the
// caller (which it closes when it stops), with a thread of its own, limits for everything a client
// may use up, and a callback when a connection begins or ends.
static inline struct MHD_Daemon *cmicrohttpd_start(
    int listening_socket, MHD_AccessHandlerCallback handle, MHD_NotifyConnectionCallback notify,
    void *context, unsigned connection_limit, unsigned timeout_seconds,
    size_t memory_per_connection) {
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, handle, context,
        MHD_OPTION_LISTEN_SOCKET, listening_socket, MHD_OPTION_CONNECTION_LIMIT, connection_limit,
        MHD_OPTION_CONNECTION_TIMEOUT, timeout_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        memory_per_connection, MHD_OPTION_NOTIFY_CONNECTION, notify, context, MHD_OPTION_END);
}

// The socket of a connection, or -1; MHD_get_connection_info is variadic too.
static inline int cmicrohttpd_socket(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *found =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return found ? found->connect_fd : -1;
}
