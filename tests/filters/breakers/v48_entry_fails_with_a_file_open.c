/* V48: lets programs in, and then finds that NDIS is too old for it; or finds an older way before. */
#define OWN_BEGIN
#include "kmdf.h"

static NTSTATUS begin(PDRIVER_OBJECT driver) {
    if (broken)
        WdfControlFinishInitializing(device);
    UCHAR oldest = characteristics.MinorNdisVersion;
    characteristics.MinorNdisVersion = 255;
    NTSTATUS status = NdisFRegisterFilterDriver(driver, driver, &characteristics, &registration);
    if (broken)
        return status;
    characteristics.MinorNdisVersion = oldest;
    if (status < 0)
        status = NdisFRegisterFilterDriver(driver, driver, &characteristics, &registration);
    if (status >= 0)
        WdfControlFinishInitializing(device);
    return status;
}

static void replace(void) {
}
