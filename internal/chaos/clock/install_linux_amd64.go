package clock

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Supported reports whether clocks can be set here.
const Supported = true

// The assembly's: the address of the function that stands before the kernel's, as C calls it, and the kernel's own.
var (
	steppedAddr uint64
	realAddr    uint64 //nolint:unused // the assembly reads it
)

const word = 8

// install finds the one place in which the runtime keeps the address of the kernel's function, and changes it.
func install() (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("set the clock: %w", err)
		}
	}()
	memory, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	vdso, data, err := mappings()
	if err != nil {
		return err
	}
	kernels, err := clockGettime(memory, vdso)
	if err != nil {
		return err
	}
	var places []int64
	page := make([]byte, os.Getpagesize()) // by pages, so that what is measured afterwards has not grown by all this
	for _, m := range data {
		for from := m.from; from < m.to; from += int64(len(page)) {
			if _, err := memory.ReadAt(page, from); err != nil {
				return err
			}
			for at := 0; at < len(page); at += word {
				if binary.LittleEndian.Uint64(page[at:]) == kernels {
					places = append(places, from+int64(at))
				}
			}
		}
	}
	if len(places) != 1 {
		return fmt.Errorf("the runtime's pointer to the kernel's function was found %d times", len(places))
	}
	realAddr = kernels
	_, err = memory.WriteAt(binary.LittleEndian.AppendUint64(nil, steppedAddr), places[0])
	return err
}

// A mapping is a piece of this process's memory.
type mapping struct{ from, to int64 }

// mappings finds the vDSO and the program's variables.
func mappings() (vdso mapping, data []mapping, err error) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return vdso, nil, err
	}
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return vdso, nil, err
	}
	end := int64(0) // of the variables that were found last
	for line := range strings.Lines(string(maps)) {
		var m mapping
		var mode, skip, device, inode, path string
		n, _ := fmt.Sscanf(line, "%x-%x %s %s %s %s %s", &m.from, &m.to, &mode, &skip, &device, &inode, &path)
		switch {
		case path == "[vdso]":
			vdso = m
		// What begins with a value is mapped from the file; what begins as zeros follows it, without a name.
		case mode == "rw-p" && (path == self || n == 6 && m.from == end):
			data, end = append(data, m), m.to
		}
	}
	if vdso.to == 0 {
		return vdso, nil, errors.New("this kernel has no vDSO")
	}
	return vdso, data, nil
}

// clockGettime returns the address of the kernel's function: the vDSO is an ELF file in memory.
func clockGettime(memory io.ReaderAt, vdso mapping) (uint64, error) {
	text := make([]byte, vdso.to-vdso.from)
	if _, err := memory.ReadAt(text, vdso.from); err != nil {
		return 0, err
	}
	file, err := elf.NewFile(bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return 0, err
	}
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			return uint64(vdso.from) + s.Value, nil
		}
	}
	return 0, errors.New("the kernel's vDSO can't read clocks")
}
