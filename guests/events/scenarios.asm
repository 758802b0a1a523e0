; SPDX-License-Identifier: MIT
; The instructions under test. Each scenario is a function without arguments. Addresses are counted
; from the label that AT makes. A fault's handler goes on at FINISH.
bits 64
default rel

%define APIC_BASE   0xfee00000
%define APIC_ICR    0x300
%define APIC_TPR    0x80
%define IPI_TO_SELF 0x44000         ; fixed, the vector in the low byte
%define NMI_TO_SELF 0x4400          ; to the APIC in the upper half of ICR
%define HPET_BASE   0xfed00000
%define PORT_POST   0x80
%define PORT_PIC    0x21
%define IA32_MTRRCAP 0xfe
%define IA32_EFER   0xc0000080
%define VECTOR_TEST 0x60

%define TF          0x100
%define IF          0x200

%define DR7_BREAK   0x1             ; DR0 is the address of an instruction
%define DR7_WATCH   0x70001         ; of data: reads and writes of two bytes
%define DR7_PORT    0x20001         ; DR0 is a port
%define DR7_DEVICE  0xf0001         ; DR0 is a register of a device: reads and writes
%define DR7_GD      0x2000

%define EXTRA_INTERRUPT     1       ; enum scenario_extra
%define EXTRA_NMI_THREE     2
%define EXTRA_NMI_STEP      3
%define EXTRA_NMI_INTERRUPT 4
%define EXTRA_NMI_NOWHERE   5

section .rodata.scenarios
align 8
global scenarios
scenarios:

; SCENARIO NAME, DR7, EXTRA: the beginning of a scenario, and its entry in the table.
%assign number 0
%macro SCENARIO 1-3 0, 0
%assign number number + 1
%xdefine run   run_ %+ number
%xdefine at    at_ %+ number
%xdefine after after_ %+ number
section .rodata
%%name: db %1, 0
section .rodata.scenarios
    dq %%name, run, at, after, %2, %3
section .text
align 16
run:
    push rbx
    pushfq                          ; for FINISH: neither TF nor IF
%endmacro

; The flags `%1` are set by a POPFQ right before the label.
%macro AT 0-1 0
%if %1
    pushfq
    or dword [rsp], %1
    popfq
%endif
at:
%endmacro

%macro FINISH 0
after:
    popfq
    pop rbx
    ret
%endmacro

; A scenario of one instruction, or of a few.
%macro PLAIN 3-4+                   ; NAME, DR7, FLAGS, INSTRUCTION
SCENARIO %1, %2
    AT %3
    %4
    FINISH
%endmacro

; For a WRMSR that faults: a reserved bit of EFER.
%macro BAD_EFER 0
    mov ecx, IA32_EFER
    mov edx, 1 << 31
    xor eax, eax
%endmacro

; ---- What a fault, a trap and an interrupt push ----

SCENARIO "WRMSR that faults"
    BAD_EFER
    AT
    wrmsr
    FINISH

SCENARIO "MOV to CR4 that faults"
    mov rax, cr4
    bts rax, 63
    AT
    mov cr4, rax
    FINISH

PLAIN "VMREAD", 0, 0, vmread rax, rax
PLAIN "CLGI", 0, 0, db 0x0f, 0x01, 0xdd
PLAIN "UD2", 0, 0, ud2
PLAIN "INT3", 0, 0, int3
PLAIN "INT n", 0, 0, int VECTOR_TEST
PLAIN "INT1", 0, 0, db 0xf1

; ---- An instruction breakpoint is met once ----

SCENARIO "breakpoint at WRMSR that faults", DR7_BREAK
    BAD_EFER
    AT
    wrmsr
    FINISH

SCENARIO "breakpoint at CPUID", DR7_BREAK
    xor eax, eax
    AT
    cpuid
    FINISH

SCENARIO "breakpoint at REP OUTSB", DR7_BREAK
    lea rsi, [run]
    mov ecx, 600                    ; more than are done in one exit
    mov edx, PORT_POST
    AT
    rep outsb
    FINISH

SCENARIO "breakpoint at REP LODSD of a device", DR7_BREAK
    mov esi, HPET_BASE
    mov ecx, 600
    AT
    rep lodsd
    FINISH

; ---- Breakpoints on what the hypervisor accesses ----

PLAIN "watched IN", DR7_PORT, 0, in al, PORT_POST
PLAIN "watched OUT", DR7_PORT, 0, out PORT_POST, al
PLAIN "watched OUT to two ports", DR7_PORT, 0, out PORT_POST - 1, ax
PLAIN "IN beside the watched port", DR7_PORT, 0, in al, PORT_PIC
PLAIN "step over watched IN", DR7_PORT, TF, in al, PORT_POST

SCENARIO "watched REP OUTSB", DR7_PORT
    lea rsi, [run]
    mov ecx, 3
    mov edx, PORT_POST
    AT
    rep outsb
    FINISH

SCENARIO "watched read of a device", DR7_DEVICE
    mov ebx, HPET_BASE
    AT
    mov eax, [rbx]
    FINISH

SCENARIO "watched ADD to a device", DR7_DEVICE
    mov ebx, HPET_BASE
    xor eax, eax
    AT
    add [rbx], eax
    FINISH

SCENARIO "read beside the watched register", DR7_DEVICE
    mov ebx, HPET_BASE + 0x10
    AT
    mov eax, [rbx]
    FINISH

SCENARIO "watched REP LODSD of a device", DR7_DEVICE
    mov esi, HPET_BASE
    mov ecx, 3
    AT
    rep lodsd
    FINISH

; ---- Single steps over instructions that exit ----

PLAIN "step over NOP", 0, TF, nop

SCENARIO "step over CPUID"
    xor eax, eax
    AT TF
    cpuid
    FINISH

SCENARIO "step over RDMSR"
    mov ecx, IA32_MTRRCAP
    AT TF
    rdmsr
    FINISH

SCENARIO "step over WRMSR that faults"
    BAD_EFER
    AT TF
    wrmsr
    FINISH

PLAIN "step over IN", 0, TF, in al, PORT_PIC

SCENARIO "step over REP OUTSB"
    lea rsi, [run]
    mov ecx, 3
    mov edx, PORT_POST
    AT TF
    rep outsb
    FINISH

SCENARIO "step over REP MOVSB"
    lea rsi, [run]
    lea rdi, [scratch]
    mov ecx, 3
    AT TF
    rep movsb
    FINISH

SCENARIO "step over REP LODSD of a device"
    mov esi, HPET_BASE
    mov ecx, 3
    AT TF
    rep lodsd
    FINISH

SCENARIO "step over a write to the APIC"
    mov ebx, APIC_BASE + APIC_TPR
    xor eax, eax
    AT TF
    mov [rbx], eax
    FINISH

PLAIN "step over INT3", 0, TF, int3
PLAIN "step over INT1", 0, TF, db 0xf1
PLAIN "step over HLT", 0, TF, hlt

%macro STI_AND 4+                   ; NAME, FLAGS, EXTRA, INSTRUCTION
SCENARIO %1, 0, %3
    xor eax, eax
    AT %2
    sti
    %4
    nop
    FINISH
%endmacro

STI_AND "step over STI, HLT", TF, 0, hlt
STI_AND "step over STI, HLT with an interrupt", TF, EXTRA_INTERRUPT, hlt
STI_AND "step over STI, CPUID with an interrupt", TF, EXTRA_INTERRUPT, cpuid
STI_AND "STI, CPUID with an interrupt", 0, EXTRA_INTERRUPT, cpuid
STI_AND "STI, HLT with an interrupt", 0, EXTRA_INTERRUPT, hlt

; The interrupt and the trap come at the same boundary.
SCENARIO "step over the sending of an interrupt"
    mov ebx, APIC_BASE + APIC_ICR
    mov eax, IPI_TO_SELF | VECTOR_TEST
    AT TF | IF
    mov [rbx], eax
    FINISH

SCENARIO "step over the sending of an NMI"
    mov ebx, APIC_BASE + APIC_ICR
    mov eax, NMI_TO_SELF
    mov dword [rbx + 0x10], 0
    AT TF
    mov [rbx], eax
    FINISH

; ---- MOV to SS holds traps back for one instruction ----

%macro AFTER_MOV_SS 4+              ; NAME, DR7, FLAGS, INSTRUCTION
SCENARIO %1, %2
    BAD_EFER
    mov ebx, ss
    AT %3
%if %2 & DR7_WATCH
    mov ss, [watched]
%else
    mov ss, ebx
%endif
    %4
    FINISH
%endmacro

AFTER_MOV_SS "step over MOV SS, NOP", 0, TF, nop
AFTER_MOV_SS "step over MOV SS, CPUID", 0, TF, cpuid
AFTER_MOV_SS "step over MOV SS, IN", 0, TF, in al, PORT_PIC
AFTER_MOV_SS "step over MOV SS, WRMSR that faults", 0, TF, wrmsr
AFTER_MOV_SS "step over MOV SS, INT3", 0, TF, int3
AFTER_MOV_SS "step over MOV SS, INT1", 0, TF, db 0xf1
AFTER_MOV_SS "step over MOV SS, INT n", 0, TF, int VECTOR_TEST
AFTER_MOV_SS "step over MOV SS, HLT", 0, TF, hlt
AFTER_MOV_SS "step over MOV SS, MOV DR with DR7.GD", DR7_GD, TF, mov rax, dr0
AFTER_MOV_SS "watched MOV SS, NOP", DR7_WATCH, 0, nop
AFTER_MOV_SS "watched MOV SS, CPUID", DR7_WATCH, 0, cpuid
AFTER_MOV_SS "watched MOV SS, WRMSR that faults", DR7_WATCH, 0, wrmsr
AFTER_MOV_SS "watched MOV SS, INT3", DR7_WATCH, 0, int3
AFTER_MOV_SS "watched MOV SS, INT1", DR7_WATCH, 0, db 0xf1
AFTER_MOV_SS "watched MOV SS, INT n", DR7_WATCH, 0, int VECTOR_TEST
AFTER_MOV_SS "watched MOV SS, MOV DR with DR7.GD", DR7_WATCH | DR7_GD, 0, mov rax, dr0
AFTER_MOV_SS "step over watched MOV SS, NOP", DR7_WATCH, TF, nop
AFTER_MOV_SS "step over watched MOV SS, CPUID", DR7_WATCH, TF, cpuid

; ---- NMIs ----

; Sends an NMI, then does nothing for a while.
%macro NMI_HERE 1-2 0               ; NAME, EXTRA
SCENARIO %1, 0, %2
    mov ebx, APIC_BASE + APIC_ICR
    mov eax, NMI_TO_SELF
    mov dword [rbx + 0x10], 0
    mov [scenario_rsp], rsp
    AT
    mov [rbx], eax
    mov ecx, 1000
%%wait:
    dec ecx
    jnz %%wait
    FINISH
%endmacro

NMI_HERE "NMI"
NMI_HERE "NMI that sends three more", EXTRA_NMI_THREE
NMI_HERE "NMI that sends one and returns to a step", EXTRA_NMI_STEP
NMI_HERE "NMI that sends one and an interrupt", EXTRA_NMI_INTERRUPT
NMI_HERE "NMI that sends one, IRET faults", EXTRA_NMI_NOWHERE

section .rodata.scenarios
global scenarios_end
scenarios_end:

section .data
align 2
global watched
watched: dw 0x10                    ; SELECTOR_DATA

section .bss
global scenario_rsp
scenario_rsp: resq 1
scratch:      resb 16

section .note.GNU-stack noalloc noexec nowrite progbits
