# Plays Vivado in batch mode: `vivado -mode batch ... -source SCRIPT`.
source [file join [file dirname [info script]] common.tcl]
# Each argument of read_verilog and read_xdc is a list of files: a name with a blank in it is not one word of such.
set state empty

proc create_project {args} { entering create_project; parse create_project {-in_memory 0 -part 1} $args }
proc read_verilog {args} {
    entering read_verilog
    must_exist [concat {*}[parse read_verilog {-sv 0} $args]]
}
proc read_xdc {args} {
    entering read_xdc
    set files [concat {*}[parse read_xdc {-mode 1} $args]]
    must_exist $files
    foreach file $files { uplevel #0 [list source $file] }
}
proc get_ports {name} { return $name }
proc create_clock {args} {
    if {[parse create_clock {-name 1 -period 1} $args] eq {} || $given(-period) <= 0} { error "ERROR: create_clock" }
}
proc step {name options before after arguments} {
    entering $name
    parse $name $options $arguments
    if {[lsearch $before $::state] < 0} { error "ERROR: \[Fake 1-4\] $name after '$::state'" }
    set ::state $after
}
proc synth_design {args} { step synth_design {-top 1 -part 1 -mode 1} empty synthesised $args }
proc opt_design {args} { step opt_design {} synthesised optimised $args }
proc place_design {args} { step place_design {} optimised placed $args }
proc phys_opt_design {args} { step phys_opt_design {} placed placed $args }
proc route_design {args} { step route_design {} placed routed $args }
proc write_checkpoint {args} { entering write_checkpoint; close [open [lindex [parse write_checkpoint {-force 0} $args] 0] w] }
proc report_utilization {args} {
    entering report_utilization
    parse report_utilization {-file 1 -hierarchical 0} $args
    leave utilisation.rpt $given(-file)
}
proc report_timing_summary {args} {
    entering report_timing_summary
    parse report_timing_summary {-file 1} $args
    leave timing.rpt $given(-file)
}

parse vivado {-mode 1 -nojournal 0 -notrace 0 -source 1} $argv
if {[catch {source $given(-source)} message]} { fail $message }
