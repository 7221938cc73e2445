# What the stubs share: options and files are checked, so that a script's slip is an error as in the real tool.
# A word in FAKE_FAIL makes the command of that name fail; one in FAKE_SKIP makes it write nothing.

# As the real tools: complaints on stdout, noise on stderr.
proc fail {what} { puts "$what"; exit 1 }
puts stderr "WARNING: a locale is not set"

proc entering {name} {
    puts "fake: $name"
    if {[info exists ::env(FAKE_FAIL)] && $name eq $::env(FAKE_FAIL)} { error "ERROR: \[Fake 1-1\] $name failed" }
}

proc must_exist {files} {
    foreach file $files { if {![file exists $file]} { error "ERROR: \[Fake 1-2\] file '$file' does not exist" } }
}

# options: {-name takes_value ...}; gives the words that belong to no option, and sets `given` in the caller.
proc parse {name options words} {
    upvar given given
    array unset given
    array set known $options
    set rest {}
    for {set k 0} {$k < [llength $words]} {incr k} {
        set word [lindex $words $k]
        if {[string match {-[a-z]*} $word]} {
            if {![info exists known($word)]} { error "ERROR: \[Fake 1-3\] $name knows no option '$word'" }
            if {$known($word)} { incr k; set given($word) [lindex $words $k] } else { set given($word) 1 }
        } else { lappend rest $word }
    }
    return $rest
}

proc leave {report file} {
    if {[info exists ::env(FAKE_SKIP)] && [lsearch $::env(FAKE_SKIP) $report] >= 0} return
    file mkdir [file dirname $file]
    file copy -force [file join $::env(FAKE_REPORTS) $report] $file
}
