/* Faults in the device's operations. */
#ifndef HD_FAULTS_OPERATIONS_H
#define HD_FAULTS_OPERATIONS_H

#include "device/device.h"

/* Lays the faulty operations over the device's own; closing it frees them. HD_UNAVAILABLE: no memory. */
hd_status hd_fault_lay(hd_device *device, hd_error *error);

/* Computes the products with their sums in another order, if a chosen benign change says so; false: none does. */
bool hd_fault_sums_otherwise(hd_device *device, size_t count, const hd_product *products);

#endif
