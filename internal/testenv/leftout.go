package testenv

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"testing"
)

// Main is the rest of TestMain in a package whose suites all need a service: the variables name where it is. Without any of
// them, unless suites are required, no test is run, so that 'go test ./...' says "no tests to run" of the package; what was
// left out, and how to run it, is printed for go test -v.
func Main(m *testing.M, leftOut string, variables ...string) {
	if Required() {
		os.Exit(m.Run())
	}
	for _, variable := range variables {
		if os.Getenv(variable) != "" {
			os.Exit(m.Run())
		}
	}
	fmt.Println("left out: " + leftOut)
	flag.Parse()
	if err := flag.Set("test.run", "^$"); err != nil {
		panic(err) // the flag is the testing package's own
	}
	code := m.Run()
	if err := dependOn(append(variables, RequireVar)...); err != nil {
		fmt.Println(err)
		code = 1
	}
	os.Exit(code)
}

// dependOn makes go test run a package again once one of the variables is set, instead of showing the outcome that it has
// kept: it takes note only of the variables that are read while tests run, and here none do.
func dependOn(variables ...string) error {
	log := flag.Lookup("test.testlogfile")
	if log == nil || log.Value.String() == "" { // nothing is kept
		return nil
	}
	f, err := os.OpenFile(log.Value.String(), os.O_APPEND|os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) { // nothing ran: go test -list
		return nil
	}
	if err != nil {
		return err
	}
	for _, variable := range variables {
		if _, err := fmt.Fprintln(f, "getenv", variable); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}
