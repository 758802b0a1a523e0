; SPDX-License-Identifier: MIT
; The Multiboot2 header, and the way from the boot loader's 32-bit code to kernel_main at -2 GiB.

KERNEL_BASE equ 0xffffffff80000000
DIRECT_MAP_SLOT equ 256             ; PML4 entry of DIRECT_MAP (arch/x86/paging.h)
HEADER_MAGIC equ 0xe85250d6

LOADER_MAGIC equ 0x36d76289

PRESENT equ 1
WRITABLE equ 2
LARGE equ 1 << 7
IMAGE_TABLES equ 4                  ; page tables of 2 MiB each: the image ends below 8 MiB

IA32_EFER equ 0xc0000080
EFER_LME equ 1 << 8
EFER_NXE equ 1 << 11
CR4_PAE equ 1 << 5
CR0_PAGED equ 1 << 31 | 1 << 16 | 1 << 5 | 1 << 4 | 1 << 1 | 1 ; PG, WP, NE, ET, MP, PE

extern kernel_main, boot_cpu, image_moved_by
extern text_physical, text_pages, constants_physical, constants_pages
extern data_physical, data_pages, boot_stack_physical
extern boot_stack_start, boot_stack_end

; ---- Multiboot2 header (Multiboot2 specification 1.6, 3.1) ----
; The header lies before the code, on the same page.
section .boot.text progbits alloc exec nowrite align=4096
boot_text:
header:
    dd HEADER_MAGIC, 0, header_end - header
    dd 0x100000000 - (HEADER_MAGIC + header_end - header)

    align 8                         ; information request, optional ones
    dw 1, 1
    dd .requests_end - $ + 4
    dd 1, 3, 6, 8, 9, 14, 15, 17    ; command line, modules, memory maps, screen, ELF, RSDP
.requests_end:
    align 8                         ; framebuffer: any size and depth, optional. Without this tag
    dw 5, 1                         ; GRUB hands over no screen on UEFI. With it GRUB leaves the
    dd 20, 0, 0, 0                  ; text mode of a BIOS machine, but for `set gfxpayload=text`
    align 8                         ; console: text is understood, nothing is required
    dw 4, 1
    dd 12, 2
    align 8                         ; modules on page boundaries
    dw 6, 0
    dd 8
    align 8                         ; relocatable: on a page boundary from 1 MiB to 4 GiB, and as
    dw 10, 0                        ; low as there is room
    dd 24, 0x100000, 0xffffffff, 4096, 1
    align 8
    dw 0, 0
    dd 8
header_end:

; ---- 32-bit code ----
bits 32

; From the boot loader: EAX = magic, EBX = physical address of the tags, flat segments, no paging,
; interrupts off (Multiboot2 3.3). ESI keeps the tags and EDI the magic. EBP is by how much the
; image lies above its link address: each address below is [ebp + NAME].
global boot_entry
boot_entry:
    cli
    cld
    mov edi, eax
    mov esi, ebx
    xor ebp, ebp
    cmp eax, LOADER_MAGIC
    jne .found                      ; kernel_main will complain
    lea esp, [ebx + 8]              ; the call writes to the second word of the tags: it is reserved
    call .here                      ; (3.6.2)
.here:
    pop ebp
    sub ebp, .here
.found:
    lea esp, [ebp + boot_scratch_end]
    call check_long_mode
    call build_tables
    lea eax, [ebp + boot_gdt]
    mov [ebp + boot_gdt_pointer + 2], eax
    lgdt [ebp + boot_gdt_pointer]
    jmp enable_paging

; Sets no_execute. Does not return on a CPU without long mode. Clobbers EAX, EBX, ECX, EDX.
check_long_mode:
    pushfd                          ; without CPUID, bit 21 of EFLAGS does not change
    pop eax
    mov ecx, eax
    xor eax, 1 << 21
    push eax
    popfd
    pushfd
    pop eax
    cmp eax, ecx
    je .missing
    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb .missing
    mov eax, 0x80000001
    cpuid
    test edx, 1 << 29
    jz .missing
    and edx, 1 << 20                ; NX is optional: the first 64-bit CPUs of Intel lack it
    shl edx, 31 - 20
    mov [ebp + no_execute], edx
    ret
.missing:
    lea esi, [ebp + text_no_long_mode]
    jmp boot_fail

; Puts the address of a table (2) into an entry of another (1), writable. Clobbers EAX.
%macro set_entry 2
    lea eax, [ebp + %2 + PRESENT + WRITABLE]
    mov [ebp + %1], eax
%endmacro

; Fills the tables, which the boot loader has zeroed. Clobbers EAX, EBX, ECX, EDX.
build_tables:
    set_entry pml4 + 0 * 8, pdpt_identity
    set_entry pml4 + DIRECT_MAP_SLOT * 8, pdpt_direct
    set_entry pml4 + 511 * 8, pdpt_image
    set_entry pdpt_image + 510 * 8, pd_image

    ; Maps the code that switches paging on, which is less than a page, at its own address.
    lea ebx, [ebp + boot_text]
    mov ecx, ebx
    shr ecx, 30
    lea eax, [ebp + pd_identity + PRESENT]
    mov [ebp + pdpt_identity + ecx * 8], eax
    mov ecx, ebx
    shr ecx, 21
    and ecx, 511
    lea eax, [ebp + pt_identity + PRESENT]
    mov [ebp + pd_identity + ecx * 8], eax
    mov ecx, ebx
    shr ecx, 12
    and ecx, 511
    lea eax, [ebx + PRESENT]
    mov [ebp + pt_identity + ecx * 8], eax

    ; Maps the image at -2 GiB, each section with its own rights.
    lea ebx, [ebp + pd_image]
    lea eax, [ebp + pt_image + PRESENT + WRITABLE]
    mov ecx, IMAGE_TABLES
    xor edx, edx
    call fill_entries
    mov ebx, text_physical
    mov ecx, text_pages
    mov eax, PRESENT
    xor edx, edx
    call map_image
    mov ebx, constants_physical
    mov ecx, constants_pages
    mov eax, PRESENT
    mov edx, [ebp + no_execute]
    call map_image
    mov ebx, data_physical
    mov ecx, data_pages
    mov eax, PRESENT + WRITABLE
    call map_image
    mov ebx, boot_stack_physical
    mov ecx, 4
    mov eax, PRESENT + WRITABLE
    call map_image

    ; Maps the low 4 GiB in the direct map. paging_init replaces it.
    lea ebx, [ebp + pdpt_direct]
    lea eax, [ebp + pd_direct + PRESENT + WRITABLE]
    mov ecx, 4
    xor edx, edx
    call fill_entries
    lea ebx, [ebp + pd_direct]
    mov ecx, 4 * 512
    mov eax, PRESENT + WRITABLE + LARGE
    mov edx, [ebp + no_execute]
.next_large:
    mov [ebx], eax
    mov [ebx + 4], edx
    add eax, 0x200000
    add ebx, 8
    loop .next_large
    ret

; Maps pages of the image at their place in pt_image: EBX = link address, ECX = pages, EAX = flags,
; EDX = upper half of the flags. Clobbers EAX, EBX, ECX.
map_image:
    add eax, ebx
    add eax, ebp
    shr ebx, 12
    lea ebx, [ebp + pt_image + ebx * 8]
; Fills entries from EBX on: EAX = first address with flags, ECX = entries (may be 0), EDX = upper
; half. Clobbers EAX, EBX, ECX.
fill_entries:
    jecxz .done
.next:
    mov [ebx], eax
    mov [ebx + 4], edx
    add eax, 0x1000
    add ebx, 8
    loop .next
.done:
    ret

; Goes on at enter_64. From PG on only boot code is mapped at its own address, and there is no
; stack. Clobbers EAX, ECX, EDX.
enable_paging:
    lea eax, [ebp + enter_64]
    mov [ebp + far_64], eax
    lea eax, [ebp + pml4]
    mov cr3, eax
    mov eax, CR4_PAE                ; whole values, because firmware may leave any: LA57 would
    mov cr4, eax                    ; ask for tables of five levels, and can be cleared only here
    mov ecx, IA32_EFER
    mov eax, EFER_LME
    xor edx, edx
    cmp [ebp + no_execute], edx
    je .no_nx
    or eax, EFER_NXE
.no_nx:
    wrmsr
    mov eax, CR0_PAGED
    mov cr0, eax
    jmp dword far [ebp + far_64]

; Prints the text at ESI (ends with 0) on the VGA text screen and COM1, and stops.
boot_fail:
    mov edi, 0xb8000
    mov dx, 0x3fb                   ; LCR: 8N1; the speed stays as the firmware left it
    mov al, 3
    out dx, al
.next:
    lodsb
    test al, al
    jz .stop
    mov ah, 0x4f
    stosw
    mov bl, al
    mov ecx, 0x10000                ; a limit: there may be no UART
    mov dx, 0x3fd
.wait:
    in al, dx
    test al, 0x20
    loopz .wait
    mov dx, 0x3f8
    mov al, bl
    out dx, al
    jmp .next
.stop:
    hlt
    jmp .stop

; ---- 64-bit code, still at its physical address ----
bits 64
enter_64:
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    xor eax, eax
    mov fs, ax
    mov gs, ax
    mov rax, enter_high
    jmp rax

; The CPU reads this until gdt_load. The accessed bits are set, so the CPU never writes here.
align 8
boot_gdt:
    dq 0
    dq 0x00209b0000000000           ; 64-bit code (SDM Vol. 3A 3.4.5)
    dq 0x0000930000000000           ; data
boot_gdt_pointer:                   ; this and far_64 are completed before the page is read-only
    dw $ - boot_gdt - 1
    dd 0
far_64:
    dd 0
    dw 0x08
text_no_long_mode:
    db "Husk: this CPU has no 64-bit (long) mode; Husk needs one that has. Switch off.", 13, 10, 0

; ---- At -2 GiB ----
section .text
; The lowest 8 bytes of the stack hold the address of the CPU's structure (arch/x86/cpu.h). The
; first frame pointer is 0: backtraces end there.
enter_high:
    mov rsp, boot_stack_end - 16
    mov rax, boot_stack_start
    mov rcx, boot_cpu
    mov [rax], rcx
    mov eax, ebp
    mov [image_moved_by], rax
    mov eax, edi                    ; magic, then tags, as kernel_main takes them
    mov edx, esi
    mov edi, eax
    mov esi, edx
    xor ebp, ebp
    call kernel_main
.stop:
    cli
    hlt
    jmp .stop

section .boot.tables nobits alloc noexec write align=4096
pml4: resb 4096
pdpt_identity: resb 4096
pd_identity: resb 4096
pt_identity: resb 4096
pdpt_image: resb 4096
pd_image: resb 4096
pt_image: resb IMAGE_TABLES * 4096
pdpt_direct: resb 4096
pd_direct: resb 4 * 4096            ; 4 GiB in pages of 2 MiB
no_execute: resb 8                  ; the upper half of an entry's NX bit, or 0
boot_scratch: resb 248
boot_scratch_end:

section .boot_stack nobits alloc noexec write align=4096
    resb 16384
