package cli_test

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/coretasks/core/internal/mainjob"
)

// terminal opens a pseudo-terminal of 100 columns: what a program writes to the second file is read from the first.
func terminal(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	control := func(request uintptr, value unsafe.Pointer) {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, screen.Fd(), request, uintptr(value)); errno != 0 {
			t.Fatal(errno)
		}
	}
	var locked, number int32
	size := [4]uint16{24, 100}
	control(syscall.TIOCSPTLCK, unsafe.Pointer(&locked))
	control(syscall.TIOCGPTN, unsafe.Pointer(&number))
	control(syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return screen, tty
}

// TestWatch follows jobs: with a bar on a terminal, with plain lines elsewhere.
func TestWatch(t *testing.T) {
	t.Parallel()
	w := mainjob.New(t)
	w.Start(t, "Stop with Ctrl-C", "dev")

	id := w.Must(t, "enqueue", "note", `{"text":"bar","millis":1500}`)
	screen, tty := terminal(t)
	cmd := w.Command(t.Context(), "jobs", "watch", id)
	cmd.Stderr = tty
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = tty.Close()
	shown, _ := io.ReadAll(screen) // ends with an error when the program has closed the terminal
	_ = screen.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"[", "running", "100 %", "succeeded", "\x1b["} {
		if !strings.Contains(string(shown), want) {
			t.Errorf("the terminal does not show %q: %q", want, shown)
		}
	}
	if !regexp.MustCompile(`\[=*>?-*\]`).Match(shown) {
		t.Errorf("the terminal shows no bar: %q", shown)
	}

	id = w.Must(t, "enqueue", "note", `{"text":"lines","millis":1500}`)
	code, stdout, stderr := w.Run(t, "", "jobs", "watch", id)
	if code != 0 || !strings.Contains(stdout, "succeeded") || !regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d succeeded$`).MatchString(stderr) {
		t.Errorf("%d, %q, %q", code, stdout, stderr)
	}
	if strings.ContainsAny(stderr, "\x1b\r") {
		t.Errorf("control characters where there is no terminal: %q", stderr)
	}
}
