/* V18: says of the sends of others that they are its own; or leaves them as they are. */
#include "breaker.h"

static void claiming_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct module *module = context;
    for (PNET_BUFFER_LIST list = lists; list && broken; list = list->Next)
        list->SourceHandle = module->handle;
    send(context, lists, port, flags);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = claiming_send;
}
