/* SPDX-License-Identifier: BSD-2-Clause */
/* XAPI's codes for a migration that it does not begin (xen-api, ocaml/xapi-consts/api_errors.ml).
 */
#include "refusal.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Of assert_can_boot_here, what it calls, and the destination's reservation. */
static const char *const of_pair[] = {
    "CANNOT_PLUG_BOND_SLAVE",
    "HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN",
    "HOST_CANNOT_ATTACH_NETWORK",
    "HOST_DISABLED",
    "HOST_DISABLED_UNTIL_REBOOT",
    "HOST_NOT_ENOUGH_FREE_MEMORY",
    "HOST_NOT_ENOUGH_PCPUS",
    "HOST_NOT_LIVE",
    "HOST_OFFLINE",
    "INTERFACE_HAS_NO_IP",
    "NETWORK_SRIOV_INSUFFICIENT_CAPACITY",
    "NOT_SUPPORTED_DURING_UPGRADE",
    "NVIDIA_SRIOV_MISCONFIGURED",
    "NVIDIA_TOOLS_ERROR",    /* of the destination: its GPU says nothing of what it is */
    "OPERATION_NOT_ALLOWED", /* a USB device that is not there */
    "PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU",
    "PIF_NOT_PRESENT",
    "REQUIRED_PIF_IS_UNPLUGGED",
    "VGPU_DESTINATION_INCOMPATIBLE",
    "VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE",
    "VGPU_TYPE_NOT_ENABLED",
    "VGPU_TYPE_NOT_SUPPORTED",
    "VM_HOST_INCOMPATIBLE_VERSION",
    "VM_HOST_INCOMPATIBLE_VERSION_MIGRATE",
    "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION",
    "VM_HVM_REQUIRED",
    "VM_INCOMPATIBLE_WITH_THIS_HOST",
    "VM_REQUIRES_GPU",
    "VM_REQUIRES_IOMMU",
    "VM_REQUIRES_NETWORK",
    "VM_REQUIRES_SR",
    "VM_REQUIRES_VDI",
    "VM_REQUIRES_VGPU",
};

/* Of check_operation_error, and of licences. */
static const char *const of_vm[] = {
    "FEATURE_REQUIRES_HVM",
    "HANDLE_INVALID",
    "LICENCE_RESTRICTION",
    "OPERATION_BLOCKED",
    "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION",
    "VGPU_GUEST_DRIVER_LIMIT",
    "VGPU_TYPE_NO_LONGER_SUPPORTED",
    "VM_BAD_POWER_STATE",
    "VM_HAS_PCI_ATTACHED",
    "VM_HAS_SRIOV_VIF",
    "VM_HAS_VGPU",
    "VM_HAS_VUSBS",
    "VM_IS_IMMOBILE",
    "VM_IS_USING_NESTED_VIRT",
    "VM_LACKS_FEATURE",
    "VM_LACKS_FEATURE_SUSPEND",
    "VM_MISSING_PV_DRIVERS",
    "VM_NON_SUSPENDABLE",
    "VM_OLD_PV_DRIVERS",
};

static bool among(const char *const *list, size_t nr, const char *code)
{
    for (size_t i = 0; i < nr; i++) {
        if (!strcmp(list[i], code)) {
            return true;
        }
    }
    return false;
}

enum refusal refusal_of(const char *code)
{
    if (among(of_pair, sizeof(of_pair) / sizeof(of_pair[0]), code)) {
        return REFUSAL_PAIR;
    }
    return among(of_vm, sizeof(of_vm) / sizeof(of_vm[0]), code) ? REFUSAL_VM : REFUSAL_AGAIN;
}
