/* Faults in the device's operations. */
#ifndef HD_FAULTS_OPERATIONS_H
#define HD_FAULTS_OPERATIONS_H

#include "device/device.h"

/* Lays the faulty operations over the device's own; closing it frees them. HD_UNAVAILABLE: no memory. */
hd_status hd_fault_lay(hd_device *device, hd_error *error);

#endif
