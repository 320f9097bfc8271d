package schedules

import (
	"fmt"
	"regexp"

	"github.com/coretasks/core/sqsqueue"
)

// OwnerTag is the tag of a schedule group that holds the name of the application which owns it.
const OwnerTag = "core:application"

// ModuleTag is the tag of a schedule group that holds the path of the module of the program that made it, where it is known:
// programs of different modules can bear one name.
const ModuleTag = "core:module"

// laterSuffix ends the name of the group of an application's one-time schedules.
const laterSuffix = "-later"

var namePattern = regexp.MustCompile(`^[0-9a-zA-Z_.-]+$`)

// GroupName returns the name of the schedule group of an application's periodic tasks: the prefix of its queues, which
// keeps environments apart, and the application's name.
func GroupName(prefix, application string) (string, error) {
	name := prefix + application
	if err := sqsqueue.CheckPrefix(prefix); err != nil {
		return "", err
	}
	switch {
	case application == "":
		return "", fmt.Errorf("the application has no name; its schedule group is named after it")
	case !namePattern.MatchString(application):
		return "", fmt.Errorf("application %q is invalid: its schedule group is named after it, and EventBridge allows "+
			"letters, digits, '_', '-' and '.'", application)
	case len(name) > maxName-len(laterSuffix):
		return "", fmt.Errorf("schedule group %q has %d characters and may have %d: EventBridge allows %d, and the group of one-time "+
			"schedules adds %q; shorten the application's name or the prefix", name, len(name), maxName-len(laterSuffix), maxName, laterSuffix)
	}
	return name, nil
}

// LaterGroupName returns the name of the group of an application's one-time schedules. It is a group of its own, so that
// a plan need not read through thousands of jobs.
func LaterGroupName(prefix, application string) (string, error) {
	name, err := GroupName(prefix, application)
	if err != nil {
		return "", err
	}
	return name + laterSuffix, nil
}
