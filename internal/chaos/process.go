package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A service is a process that is started again whenever it ends, until it is stopped.
type service struct {
	name string
	dir  string
	env  []string
	args []string

	mu       sync.Mutex
	cmd      *exec.Cmd
	stopping bool
	kills    map[int]time.Time // by process: when it was killed
	failures []string          // ends that nobody asked for
	done     chan struct{}     // closed when it has ended for good
}

// lastLine is the last that the process has said.
func (s *service) lastLine() string {
	text, err := os.ReadFile(s.logPath())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

func (s *service) logPath() string   { return filepath.Join(s.dir, s.name+".log") }
func (s *service) clockPath() string { return filepath.Join(s.dir, "clock-"+s.name) }

// start starts a service and keeps it up. With once it is not started again after it has ended well.
func (s *service) start(once bool) error {
	s.kills, s.done = map[int]time.Time{}, make(chan struct{})
	if err := s.spawn(); err != nil {
		return err
	}
	go s.keepUp(once)
	return nil
}

func (s *service) spawn() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return nil
	}
	log, err := os.OpenFile(s.logPath(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return errors.Join(err, log.Close())
	}
	s.cmd = exec.Command(self, s.args...) //nolint:noctx // it is ended by signals, with and without warning
	s.cmd.Env = s.environment()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	return errors.Join(s.cmd.Start(), log.Close()) // the process has its own copy
}

// restartAfter is how long a service stays away after it has ended.
const restartAfter = 200 * time.Millisecond

// environment is all that a process knows: a developer's own settings decide nothing.
func (s *service) environment() []string {
	return append([]string{
		dirVar + "=" + s.dir, clockVar + "=" + s.clockPath(), "PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "AWS_EC2_METADATA_DISABLED=true",
	}, s.env...)
}

func (s *service) keepUp(once bool) {
	defer close(s.done)
	for {
		err := s.cmd.Wait()
		s.mu.Lock()
		pid := s.cmd.Process.Pid
		_, killed := s.kills[pid]
		if err != nil && !killed {
			s.failures = append(s.failures, fmt.Sprintf("%s (process %d) ended by itself, %v: %s", s.name, pid, err, s.lastLine()))
		}
		end := s.stopping || once && err == nil
		s.mu.Unlock()
		if end {
			return
		}
		time.Sleep(restartAfter)
		if err := s.spawn(); err != nil {
			s.mu.Lock()
			s.failures = append(s.failures, fmt.Sprintf("%s can't be started: %v", s.name, err))
			s.mu.Unlock()
			return
		}
		s.mu.Lock()
		end = s.stopping
		s.mu.Unlock()
		if end {
			return
		}
	}
}

// signal sends a signal to the process as it is now.
func (s *service) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sig == syscall.SIGKILL {
		s.kills[s.cmd.Process.Pid] = time.Now()
	}
	_ = s.cmd.Process.Signal(sig) // it may have ended by itself
}

// pid is the process as it is now.
func (s *service) pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Pid
}

// stop ends a service by SIGTERM.
func (s *service) stop(limit time.Duration) error {
	s.mu.Lock()
	s.stopping = true
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	s.mu.Unlock()
	select {
	case <-s.done:
		return nil
	case <-time.After(limit):
		s.signal(syscall.SIGKILL)
		<-s.done
		return fmt.Errorf("%s did not end within %v of SIGTERM", s.name, limit)
	}
}

// kill ends a service for good, without a warning.
func (s *service) kill() {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	s.signal(syscall.SIGKILL)
	<-s.done
}
