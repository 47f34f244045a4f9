/* The faults of the device. */
#ifndef HD_FAULTS_OPERATIONS_H
#define HD_FAULTS_OPERATIONS_H

#include "device/device.h"

/* Lays the operations that can go wrong over the device's own. HD_UNAVAILABLE: no memory. */
hd_status hd_fault_lay(hd_device *device, hd_error *error);

#endif
