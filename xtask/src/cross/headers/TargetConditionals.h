/* Stands in for Apple's, which C code in dependencies asks what it is compiled for. */
#pragma once
#define TARGET_OS_MAC 1
#define TARGET_OS_IPHONE 1
#define TARGET_OS_IOS 1
#define TARGET_CPU_ARM64 1
