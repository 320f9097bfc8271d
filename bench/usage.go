package main

import (
	"os"
	"strconv"
	"strings"
)

// memory is a process's resident memory in bytes; zeros where the system has no /proc.
type memory struct {
	Now  int64 `json:"now"`
	Peak int64 `json:"peak"`
}

func ownMemory() memory {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return memory{}
	}
	return parseMemory(string(text))
}

// parseMemory reads VmRSS and VmHWM, which are in units of 1024 bytes.
func parseMemory(status string) memory {
	var m memory
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "VmRSS":
			m.Now = kib << 10
		case "VmHWM":
			m.Peak = kib << 10
		}
	}
	return m
}
