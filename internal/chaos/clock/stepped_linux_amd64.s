#include "textflag.h"

// stepped is called as the kernel's function is, by the C convention: DI has the clock's number, SI where the time goes.
// It lets that function answer, and adds the offset to the seconds of the real-time clock, which is number 0.
TEXT ·stepped(SB), NOSPLIT|NOFRAME, $0
	PUSHQ DI
	PUSHQ SI
	SUBQ  $8, SP // C wants the stack aligned to 16
	MOVQ  ·realAddr(SB), AX
	CALL  AX
	ADDQ  $8, SP
	POPQ  SI
	POPQ  DI
	CMPL  DI, $0
	JNE   done
	MOVQ  ·offset(SB), CX
	ADDQ  CX, 0(SI)

done:
	RET

DATA ·steppedAddr(SB)/8, $·stepped(SB)
GLOBL ·steppedAddr(SB), NOPTR, $8
