// The testbench of one holder: what follows the parameters that simulate/holders.py writes, and the instance of the module.
  task fault;
    begin
      if (wrong == 0) first = cycle;
      wrong = wrong + 1;
    end
  endtask

  // One cycle. A token that is offered stays until it is taken.
  task step(input reset, input offer, input take, input steady);
    begin
      rst = reset; offers = offer | (offered & ~reset); takes = take;
      #1;
      offered = there & ~reset;
      if (!reset) begin
        if ((valid !== 0 && valid !== 1) || (ready !== 0 && ready !== 1)) fault;
        else if (valid) begin
          if (seen >= MADE) fault;
          else if (held !== wanted[seen]) fault;
          if (take) begin
            seen = seen + 1;
            if (seen % WRITES == 0) begin
              if (steady && seen > WRITES && seen < MADE && cycle - ended != INTERVAL) fault;
              ended = cycle;
            end
          end
        end
      end
      passes = offered && ready === 1;
      clk = 1;
      #1 clk = 0;
      if (passes) begin
        taken = taken + 1;
        offered = 0;
      end
      cycle = cycle + 1;
    end
  endtask

  // From the beginning of a frame.
  task from_frame(input integer frame);
    begin
      offered = 0;
      step(1, 1, 1, 0);
      taken = frame * READS;
      seen = frame * WRITES;
    end
  endtask

  // A cycle in which each side acts at random, one of them seldom or always for some time.
  task pausing;
    begin
      if (cycle % TURN == 0) pace = $random(seed);
      case (pace & 3)
        0: step(0, 1, ($random(seed) & 7) == 0, 0);
        1: step(0, ($random(seed) & 7) == 0, 1, 0);
        default: step(0, $random(seed), $random(seed), 0);
      endcase
    end
  endtask

  // Until all is seen, and no more comes.
  task ends(input steady);
    begin
      for (k = 0; seen < MADE && k < MOST; k = k + 1)
        if (steady) step(0, 1, 1, 1); else pausing;
      if (seen < MADE) fault;
      for (k = 0; k < 16; k = k + 1) step(0, 0, 1, 0);
    end
  endtask

  task step_done;
    begin
      $display("STEP");
      $fflush;
    end
  endtask

  integer r, n;
  initial begin
    $readmemh("given@.hex", given);
    $readmemh("wanted@.hex", wanted);
    seed = SEED; cycle = 0; wrong = 0; first = -1; pace = 2; clk = 0; offered = 0; taken = 0; seen = 0; done = 0;
    wait (start);
    from_frame(0);
    ends(1);
    step_done;
    from_frame(0);
    ends(0);
    step_done;
    for (r = 0; r < RESETS && wrong == 0; r = r + 1) begin
      from_frame(r % (FRAMES-1));
      n = (READS + WRITES) * r / RESETS + ($random(seed) & 7);
      while (n > 0 && seen < MADE) begin
        n = n - 1;
        if (r & 1) step(0, 1, 1, 0); else pausing;
      end
      step_done;
    end
    from_frame(0);
    ends(0);
    $display("ALONE @ %0d %0d", wrong, first);
    $fflush;
    done = 1;
  end
endmodule
