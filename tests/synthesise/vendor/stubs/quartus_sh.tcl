# Plays Quartus' shell: `quartus_sh -t SCRIPT`.
source [file join [file dirname [info script]] common.tcl]
array set quartus {version "Version 22.1std.0 Build 915 10/25/2022 SC Lite Edition"}
set done {}

proc load_package {name} { if {[lsearch {device flow} $name] < 0} { error "ERROR: no package $name" } }
proc project_new {args} { entering project_new; set ::name [parse project_new {-overwrite 0 -revision 1} $args] }
proc get_part_info {args} { parse get_part_info {-family 0} $args; return {{Cyclone V}} }
proc set_global_assignment {args} {
    set value [parse set_global_assignment {-name 1} $args]
    set known {FAMILY DEVICE TOP_LEVEL_ENTITY PROJECT_OUTPUT_DIRECTORY SDC_FILE SYSTEMVERILOG_FILE}
    if {[lsearch $known $given(-name)] < 0} { error "ERROR: no assignment $given(-name)" }
    if {[string match *_FILE $given(-name)]} { must_exist $value }
    if {$given(-name) eq "PROJECT_OUTPUT_DIRECTORY"} { set ::output $value }
}
proc set_instance_assignment {args} { parse set_instance_assignment {-name 1 -to 1} $args }
proc export_assignments {} {}
proc execute_module {args} {
    parse execute_module {-tool 1} $args
    entering $given(-tool)
    lappend ::done $given(-tool)
    if {$given(-tool) eq "fit"} { leave fit.rpt [file join $::output $::name.fit.rpt] }
    if {$given(-tool) eq "sta"} {
        if {$::done ne {map fit sta}} { error "ERROR: sta after $::done" }
        leave sta.rpt [file join $::output $::name.sta.rpt]
    }
}
proc project_close {} {}

parse quartus_sh {-t 1} $argv
if {[catch {source $given(-t)} message]} { fail $message }
